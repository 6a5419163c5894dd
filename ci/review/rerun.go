package review

import "slices"

// Left reports whether what would happen now is what an apply of the reviewed plan
// left to do: nothing but reviewed effects, with the same values, from the same
// inputs. It returns how it goes beyond that, in a Difference.
//
//   - What was known only after apply may have become known.
//   - A resource that was to be made may be there half-made (tainted): it is replaced.
//   - A replacement may have destroyed the old object: the new one is made; or made the
//     new one first: the old one is destroyed.
//   - Of a change, attributes that were changed already are no longer in it.
//   - The state may have begun to exist, and files may be there that were missing, unless
//     Terraform reads them by itself.
//
// What runs or decides is otherwise as reviewed. A record that had no room for its
// effects allows no rerun.
func Left(reviewed Record, now Observation) (Difference, bool) {
	d := Compare(reviewed, now.Record)
	var beyond Difference
	beyond.Note = d.Note
	for _, change := range d.Inputs {
		if !change.onRerun() {
			beyond.Inputs = append(beyond.Inputs, change)
		}
	}
	switch reviewed.Left {
	case "", LeftExplanations, LeftAttributes:
	default:
		return d, false
	}
	byAddress := map[string][]Effect{}
	for _, effect := range reviewed.Effects {
		byAddress[effect.Address] = append(byAddress[effect.Address], effect)
	}
	for _, one := range now.observed {
		if slices.ContainsFunc(byAddress[one.baseAddress()], one.isLeftOf) || slices.ContainsFunc(byAddress[one.Address], one.isLeftOf) {
			continue
		}
		if old := byAddress[one.Address]; len(old) > 0 {
			beyond.Other = append(beyond.Other, old[0].changed(one.Effect))
		} else {
			beyond.OnlyNow = append(beyond.OnlyNow, one.Effect)
		}
	}
	return beyond, beyond.Empty()
}

// baseAddress is the address without the mark of an object that is deposed.
func (o observed) baseAddress() string {
	if !o.deposed {
		return o.Address
	}
	address := o.Address
	for i := len(address) - 1; i > 0; i-- {
		if address[i] == '(' {
			return address[:i-1]
		}
	}
	return address
}

// isLeftOf reports whether o does a part of what was reviewed.
func (o observed) isLeftOf(reviewed Effect) bool {
	same := o.known(reviewed.Unknown) == reviewed.Digest && all(o.Unknown, func(place string) bool { return within(place, reviewed.Unknown) })
	object, about := o.Object == reviewed.Object, o.About == "" || o.About == reviewed.About
	switch {
	case o.deposed:
		return (reviewed.Action == ActionReplace || reviewed.Action == ActionDestroy) && object
	case makes(reviewed.Action) && o.Action == ActionReplace && o.tainted, reviewed.Action == ActionReplace && o.Action == ActionAdd:
		return same
	case o.Action != reviewed.Action || !about:
		return false
	case o.Action == ActionChange && object && !same:
		return o.attributesLeft(reviewed)
	case o.Action == ActionForget, o.Action == ActionDestroy, o.Action == ActionReplace, o.Action == ActionChange:
		return same && object
	}
	return same && (o.Object == "" || object)
}

// attributesLeft reports whether every attribute that o changes was to be changed so.
func (o observed) attributesLeft(reviewed Effect) bool {
	if len(o.Attributes) == 0 && len(o.Unknown) == 0 {
		return false
	}
	digests := o.attributes(reviewed.Unknown)
	for name, digest := range digests {
		if reviewed.Attributes[name] != digest {
			return false
		}
	}
	return all(o.Unknown, func(place string) bool { return within(place, reviewed.Unknown) })
}

func makes(action Action) bool {
	return action == ActionAdd || action == ActionReplace || action == "make anew"
}

func all[T any](items []T, is func(T) bool) bool {
	return !slices.ContainsFunc(items, func(item T) bool { return !is(item) })
}
