package vmm

import (
	"regexp"
	"strings"
)

// ShellCommand is a command line that starts the same machine by hand, quoted for a shell:
// its console on the terminal, without monitor and call channel.
func (c Config) ShellCommand() string {
	words := []string{quote(c.binary())}
	for _, arg := range c.Args(Wiring{}) {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

var needsNoQuotes = regexp.MustCompile(`^[A-Za-z0-9_./:=,+@%-]+$`)

// quote makes one word of s for a POSIX shell.
func quote(s string) string {
	if needsNoQuotes.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
