package demo

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// redis runs the distribution's own clients against a store.
type redis struct {
	host, port string
}

// run runs a client to its end with input (nil = none) and returns what it printed. The end of ctx
// ends the client too, and its cause is then the error: redis-benchmark tries for ever where nobody
// answers.
func (r redis) run(ctx context.Context, input io.Reader, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, append([]string{"-h", r.host, "-p", r.port}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = input, &stderr
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("run %s: %w", name, context.Cause(ctx))
	case err != nil:
		return out, fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(stderr.String()+tail(out)))
	}
	return out, nil
}

func tail(b []byte) string {
	return string(b[max(0, len(b)-400):])
}

// say sends one command and demands one exact answer.
func (r redis) say(ctx context.Context, want string, args ...string) error {
	out, err := r.run(ctx, nil, "redis-cli", append([]string{"-e"}, args...)...)
	if got := strings.TrimSpace(string(out)); err == nil && got != want {
		err = fmt.Errorf("run redis-cli %s: answered %q, want %q", args[0], got, want)
	}
	return err
}

// load stores records through redis-cli --pipe, in the protocol itself. It returns how many were
// answered without an error.
func (r redis) load(ctx context.Context, records []Record) (int, error) {
	in, w := io.Pipe()
	go func() { w.CloseWithError(writeSets(w, records)) }()
	out, err := r.run(ctx, in, "redis-cli", "--pipe")
	in.Close() // frees the writer where the client ended early
	if err != nil {
		return 0, err
	}
	return pipeOutcome(string(out))
}

// writeSets writes a SET for each record in the Redis protocol.
func writeSets(w io.Writer, records []Record) error {
	b := bufio.NewWriterSize(w, 64<<10)
	for _, rec := range records {
		fmt.Fprintf(b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(rec.Key), rec.Key, len(rec.Value), rec.Value)
	}
	return b.Flush()
}

var pipeLine = regexp.MustCompile(`(?m)^errors: 0, replies: (\d+)$`)

// pipeOutcome reads the last line of a redis-cli --pipe that ended well.
func pipeOutcome(out string) (loaded int, err error) {
	m := pipeLine.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("run redis-cli --pipe: no outcome in %q", out)
	}
	return strconv.Atoi(m[1])
}

// batch is how many records are asked for at once: an answer of this size fits in any buffer.
const batch = 100

// compare reads every record back through redis-cli and counts those that are equal, byte by byte.
// The first that is not is described.
func (r redis) compare(ctx context.Context, records []Record) (equal int, first string, err error) {
	for len(records) > 0 {
		part := records[:min(batch, len(records))]
		records = records[len(part):]
		args := []string{"-e", "--no-raw", "MGET"}
		for _, rec := range part {
			args = append(args, rec.Key)
		}
		out, err := r.run(ctx, nil, "redis-cli", args...)
		if err != nil {
			return equal, first, err
		}
		values, err := parseArray(string(out))
		if err != nil {
			return equal, first, err
		}
		if len(values) != len(part) {
			return equal, first, fmt.Errorf("read records back: %d values for %d keys", len(values), len(part))
		}
		for i, rec := range part {
			if values[i] != nil && *values[i] == string(rec.Value) {
				equal++
			} else if first == "" {
				first = difference(rec, values[i])
			}
		}
	}
	return equal, first, nil
}

// difference says in what a value that came back is not the record.
func difference(rec Record, got *string) string {
	if got == nil {
		return rec.Key + " is gone"
	}
	at := 0
	for at < len(*got) && at < len(rec.Value) && (*got)[at] == rec.Value[at] {
		at++
	}
	return fmt.Sprintf("%s has %d bytes in place of %d, and differs from byte %d on", rec.Key, len(*got), len(rec.Value), at)
}

// parseArray reads an array of strings in the form that redis-cli shows people: each with its number
// and quoted, so that every byte can be told. A nil stands for a missing value.
func parseArray(out string) ([]*string, error) {
	var values []*string
	for line := range strings.Lines(out) {
		_, item, ok := strings.Cut(strings.TrimSpace(line), ") ")
		if item == "(nil)" {
			values = append(values, nil)
			continue
		}
		v, err := strconv.Unquote(item)
		if !ok || err != nil {
			return nil, fmt.Errorf("read answer of redis-cli: %.80q is not a quoted value", line)
		}
		values = append(values, &v)
	}
	return values, nil
}

// hammer runs redis-benchmark: SET, then GET, of 1 KiB values at random keys, over several pipelined
// connections.
func (r redis) hammer(ctx context.Context, requests, keys int) error {
	out, err := r.run(ctx, nil, "redis-benchmark", "-q", "-t", "set,get", "-d", strconv.Itoa(valueSize),
		"-c", strconv.Itoa(connections), "-P", strconv.Itoa(pipeline), "-n", strconv.Itoa(requests), "-r", strconv.Itoa(keys))
	if err == nil && strings.Count(string(out), "requests per second") < 2 {
		err = fmt.Errorf("run redis-benchmark: no figures in %q", tail(out))
	}
	return err
}

const (
	valueSize   = 1024 // bytes
	connections = 8
	pipeline    = 16 // requests under way on each
)
