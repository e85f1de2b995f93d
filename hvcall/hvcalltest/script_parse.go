package hvcalltest

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxScript bounds a script's file: a script is written by hand.
const maxScript = 1 << 20

// ReadScript reads the script in a file; see [ParseScript].
func ReadScript(path string) (Script, error) {
	f, err := os.Open(path)
	if err != nil {
		return Script{}, fmt.Errorf("read script: %w", err)
	}
	defer f.Close()
	return ParseScript(path, io.LimitReader(f, maxScript))
}

// ParseScript reads a script, one statement a line; what follows # is for people. name is the file's, for errors: what is
// wrong with a line is a *[ScriptError]. The statements:
//
//	memory MIN:MAX                  granted from the start, and at most; sizes like 48M or 2G
//	cpus MIN:MAX                    the same of vCPUs; parts like 0.5
//	at TIME grant                   everything demanded is granted at once, as it is before the first step
//	at TIME refuse                  no more than the guest has
//	at TIME delay TIME              each demand is answered so much later
//	at TIME limit memory SIZE       no more than that; what the guest has beyond it is taken back
//	at TIME limit vcpus N           the same of vCPUs
//	at TIME shrink SIZE within TIME memory is taken back; without within there is no hurry
//	at TIME price N                 of memory; PROTOCOL.md has the unit
//	at TIME steal N                 thousandths of its vCPUs' time others take; 0 = none any more
//	at TIME move within TIME        the guest is told that it is about to move, and that it has; a second without within
//	at TIME stay within TIME        the same, but in the end it stays
//
// A TIME behind at counts from the start and is written as 1.5s, 300ms or 2m.
func ParseScript(name string, r io.Reader) (Script, error) {
	var s Script
	lines := bufio.NewScanner(r)
	n := 0
	bad := func(err error) error {
		return &ScriptError{Name: name, Number: n, Line: strings.TrimSpace(lines.Text()), Why: err.Error()}
	}
	var last time.Duration
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if err := s.statement(words, last); err != nil {
			return Script{}, bad(err)
		}
		if len(s.Steps) > 0 {
			last = s.Steps[len(s.Steps)-1].At
		}
	}
	if err := lines.Err(); err != nil {
		return Script{}, fmt.Errorf("read script %s: after line %d: %w", name, n, err)
	}
	return s, nil
}

// statement adds one line to the script.
func (s *Script) statement(words []string, last time.Duration) error {
	switch words[0] {
	case "memory", "cpus":
		if len(s.Steps) > 0 {
			return fmt.Errorf("%s stands before the first step", words[0])
		}
		if err := s.setBounds(words); err != nil {
			return err
		}
		if err := s.Check(); err != nil {
			return fmt.Errorf("%s", err.(*ScriptError).Why)
		}
		return nil
	case "at":
		if len(words) < 3 {
			return fmt.Errorf("write: at TIME ACT")
		}
		at, err := parseTime(words[1])
		if err != nil {
			return err
		}
		do, err := parseAct(words[2:])
		if err != nil {
			return err
		}
		step := Step{at, do}
		s.Steps = append(s.Steps, step)
		return s.filled().checkStep(step, last)
	}
	return fmt.Errorf("%q is no statement: use memory, cpus or at", words[0])
}

func (s *Script) setBounds(words []string) error {
	low, high, ok := strings.Cut(strings.Join(words[1:], " "), ":")
	if len(words) != 2 || !ok {
		return fmt.Errorf("write: %s MIN:MAX", words[0])
	}
	if words[0] == "memory" {
		return parseBoth(low, high, parseSize, &s.Memory.Boot, &s.Memory.Max)
	}
	return parseBoth(low, high, parseCPUs, &s.CPU.MinMilli, &s.CPU.MaxMilli)
}

func parseBoth[T any](low, high string, parse func(string) (T, error), a, b *T) (err error) {
	if *a, err = parse(low); err != nil {
		return err
	}
	*b, err = parse(high)
	return err
}

// parseAct reads what follows the time.
func parseAct(words []string) (Act, error) {
	verb, rest := words[0], words[1:]
	v, ok := verbs[verb]
	if !ok {
		return nil, fmt.Errorf("%q is nothing that a host does: use grant, refuse, delay, limit, shrink, price, steal, move or stay", verb)
	}
	act, err := v.parse(rest)
	if err == nil && act == nil {
		err = fmt.Errorf("write: at TIME %s", v.form)
	}
	return act, err
}

// verb reads one kind of act. parse returns nil, nil where the words are not of the form.
type verb struct {
	form  string
	parse func(words []string) (Act, error)
}

var verbs = map[string]verb{
	"grant":  {"grant", func(w []string) (Act, error) { return bare(w, Granting{}) }},
	"refuse": {"refuse", func(w []string) (Act, error) { return bare(w, Refusing{}) }},
	"delay": {"delay TIME", func(w []string) (Act, error) {
		return single(w, parseTime, func(d time.Duration) Act { return Delaying{d} })
	}},
	"limit":  {"limit memory SIZE vcpus N (or one of both)", parseLimit},
	"shrink": {"shrink SIZE [within TIME]", parseShrink},
	"move":   {"move [within TIME]", func(w []string) (Act, error) { return parseMove(w, false) }},
	"stay":   {"stay [within TIME]", func(w []string) (Act, error) { return parseMove(w, true) }},
	"price":  {"price N", func(w []string) (Act, error) { return single(w, parseNumber, func(n uint64) Act { return Pricing{n} }) }},
	"steal": {"steal N", func(w []string) (Act, error) {
		return single(w, parseNumber, func(n uint64) Act { return Stealing{uint32(min(n, math.MaxUint32))} })
	}},
}

func bare(words []string, a Act) (Act, error) {
	if len(words) != 0 {
		return nil, nil
	}
	return a, nil
}

func single[T any](words []string, parse func(string) (T, error), act func(T) Act) (Act, error) {
	if len(words) != 1 {
		return nil, nil
	}
	v, err := parse(words[0])
	if err != nil {
		return nil, err
	}
	return act(v), nil
}

func parseShrink(words []string) (Act, error) {
	if len(words) != 1 && (len(words) != 3 || words[1] != "within") {
		return nil, nil
	}
	var a Shrinking
	var err error
	if a.To, err = parseSize(words[0]); err == nil && len(words) == 3 {
		a.Within, err = parseTime(words[2])
	}
	return a, err
}

func parseLimit(words []string) (Act, error) {
	var a Limiting
	if len(words) == 0 || len(words)%2 != 0 {
		return nil, nil
	}
	for ; len(words) > 0; words = words[2:] {
		var err error
		switch {
		case words[0] == "memory" && a.Memory == 0:
			a.Memory, err = parseSize(words[1])
		case words[0] == "vcpus" && a.MilliCPU == 0:
			a.MilliCPU, err = parseCPUs(words[1])
		default:
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > longest {
		return 0, fmt.Errorf("%q is not a time: write it like 1.5s, 300ms or 2m, at most %s", s, longest)
	}
	return d, nil
}

func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}
