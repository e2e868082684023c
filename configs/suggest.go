package configs

import "strings"

// fold brings the spellings of a name in the file, the environment and the
// flags to one.
func fold(name string) string {
	return strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToLower(name))
}

// nearest returns the setting (or, where groups count, the group) whose name a
// mistyped name probably stands for; empty when none is near.
func nearest(name string, withGroups bool) string {
	name = fold(name)
	if len(name) > 64 {
		return "" // no name is that long; comparing costs length times length
	}
	best, bestDistance := "", 1+len(name)/4+1
	consider := func(known, as string) {
		if d := distance(name, fold(known)); d < bestDistance {
			best, bestDistance = as, d
		}
	}
	for _, setting := range table {
		consider(setting.Name, setting.Name)
		if head := group(setting.Name); head != "" {
			consider(strings.TrimPrefix(setting.Name, head+"."), setting.Name)
			if withGroups {
				consider(head, head)
			}
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			replace := previous[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			current[j] = min(replace, previous[j]+1, current[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
