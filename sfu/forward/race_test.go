//go:build race

package forward_test

func init() { underRace = true }
