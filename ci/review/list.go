package review

import "fmt"

// mostAligned bounds the lists whose elements are aligned by their longest common
// subsequence; longer ones are compared as they stand.
const mostAligned = 400

// lists compares two lists. Elements that are in both are found again although others
// were put before them, as happens in every set.
func (c *comparison) lists(path string, p pair) {
	before, after := p.before.([]any), p.after.([]any)
	if anyTrue(p.unknown) || anyTrue(p.sensitive) || anyTrue(p.wasSensitive) {
		for i := range max(len(before), len(after), length(p.unknown)) {
			c.any(fmt.Sprintf("%s[%d]", path, i), p.index(i, i))
		}
		return
	}
	old, now := encoded(before), encoded(after)
	for _, gap := range gaps(old, now, mostAligned) {
		c.gap(path, p, gap)
	}
}

func length(list any) int {
	elements, _ := list.([]any)
	return len(elements)
}

func encoded(list []any) []string {
	texts := make([]string, len(list))
	for i, element := range list {
		texts[i] = CompactJSON(element)
	}
	return texts
}

// gap compares elements that have none in common. As many on both sides are the same
// elements, changed.
func (c *comparison) gap(path string, p pair, g gap) {
	if g.before.len() == g.after.len() {
		for i := range g.before.len() {
			from, to := g.before.from+i, g.after.from+i
			c.any(fmt.Sprintf("%s[%d]", path, to), p.index(from, to))
		}
		return
	}
	for i := g.before.from; i < g.before.to; i++ {
		c.any(fmt.Sprintf("%s[%d]", path, i), pair{before: nth(p.before, i)})
	}
	for i := g.after.from; i < g.after.to; i++ {
		c.any(fmt.Sprintf("%s[%d]", path, i), pair{after: nth(p.after, i)})
	}
}

// part is a part of a list.
type part struct{ from, to int }

func (p part) len() int { return p.to - p.from }

// gap is a part of each of two lists between elements that both have.
type gap struct{ before, after part }

// gaps aligns two lists of texts and returns where they differ. Lists whose differing
// middle is longer than most are one gap.
func gaps(before, after []string, most int) []gap {
	start := 0
	for start < len(before) && start < len(after) && before[start] == after[start] {
		start++
	}
	end := 0
	for end < len(before)-start && end < len(after)-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	middle := gap{part{start, len(before) - end}, part{start, len(after) - end}}
	if middle.before.len() == 0 && middle.after.len() == 0 {
		return nil
	}
	if middle.before.len() > most || middle.after.len() > most {
		return []gap{middle}
	}
	return aligned(before, after, middle)
}

// aligned splits a gap at the longest common subsequence.
func aligned(before, after []string, g gap) []gap {
	common := commonLengths(before[g.before.from:g.before.to], after[g.after.from:g.after.to])
	var all []gap
	i, j := g.before.from, g.after.from
	open := gap{part{i, i}, part{j, j}}
	for i < g.before.to || j < g.after.to {
		x, y := i-g.before.from, j-g.after.from
		switch {
		case i < g.before.to && j < g.after.to && before[i] == after[j]:
			all = appendGap(all, open)
			i, j = i+1, j+1
			open = gap{part{i, i}, part{j, j}}
			continue
		case j == g.after.to || i < g.before.to && common[x+1][y] >= common[x][y+1]:
			i++
		default:
			j++
		}
		open.before.to, open.after.to = i, j
	}
	return appendGap(all, open)
}

func appendGap(all []gap, g gap) []gap {
	if g.before.len() == 0 && g.after.len() == 0 {
		return all
	}
	return append(all, g)
}

// commonLengths has the length of the longest common subsequence from every place on.
func commonLengths(before, after []string) [][]int32 {
	lengths := make([][]int32, len(before)+1)
	lengths[len(before)] = make([]int32, len(after)+1)
	for i := len(before) - 1; i >= 0; i-- {
		lengths[i] = make([]int32, len(after)+1)
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	return lengths
}
