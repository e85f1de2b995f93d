package main

import (
	"fmt"
	"strings"
)

// environment resolves the values of -e: NAME=VALUE as it stands, and NAME with the value that silo's own
// environment has for it, or nothing where it has none.
func environment(flags []string, lookup func(string) (string, bool)) ([]string, error) {
	var env []string
	for _, e := range flags {
		name, _, given := strings.Cut(e, "=")
		if name == "" || strings.ContainsAny(name, " \t\n") {
			return nil, fmt.Errorf("-e %q: no name: write it like -e NAME=VALUE, or -e NAME to pass on your own", e)
		}
		if !given {
			value, ok := lookup(name)
			if !ok {
				continue
			}
			e = name + "=" + value
		}
		env = append(env, e)
	}
	return env, nil
}
