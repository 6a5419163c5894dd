package review

import "bytes"

// unused are the parts of a plan that nothing here reads: the whole state, before and
// after. They are most of its text.
var unused = [][]byte{[]byte(`"planned_values"`), []byte(`"prior_state"`)}

// slim returns a plan without the parts that are unused, as far as its text is JSON; of
// anything else the JSON reader says what is wrong.
func slim(data []byte) []byte {
	at := skipSpace(data, 0)
	if at >= len(data) || data[at] != '{' {
		return data
	}
	kept, from := data[:0:0], 0
	for at = skipSpace(data, at+1); at < len(data) && data[at] == '"'; {
		key := at
		end := skipString(data, at)
		at = skipSpace(data, end)
		if at >= len(data) || data[at] != ':' {
			return data
		}
		at = skipSpace(data, skipValue(data, skipSpace(data, at+1)))
		if at >= len(data) || data[at] != ',' {
			break // the last part stays: what is before it ends in a comma
		}
		at = skipSpace(data, at+1)
		if isUnused(data[key:end]) {
			kept, from = append(kept, data[from:key]...), at
		}
	}
	if from == 0 {
		return data
	}
	return append(kept, data[from:]...)
}

func isUnused(key []byte) bool {
	for _, name := range unused {
		if bytes.Equal(name, key) {
			return true
		}
	}
	return false
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// skipString returns where the string ends that begins at a quote.
func skipString(data []byte, at int) int {
	for at++; at < len(data); at++ {
		next := bytes.IndexAny(data[at:], `"\`)
		if next < 0 {
			return len(data)
		}
		at += next
		if data[at] == '"' {
			return at + 1
		}
		at++ // what is escaped
	}
	return len(data)
}

// skipValue returns where a value ends.
func skipValue(data []byte, at int) int {
	for depth := 0; at < len(data); {
		switch data[at] {
		case '"':
			at = skipString(data, at)
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case ',':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return at
}
