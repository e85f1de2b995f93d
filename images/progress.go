package images

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// step is a part of a long job. Weight is its share of the time, in any unit.
type step struct {
	name   string
	weight float64
}

// progress tells how far a job of several steps is: on a terminal by a bar, elsewhere by a
// line at the start of each step and then every ten seconds.
type progress struct {
	w     io.Writer // nil = silent
	title string
	steps []step
	bar   *progressbar.ProgressBar // nil = lines
	now   func() time.Time

	start, said time.Time
	current     int // index into steps; -1 = not begun
}

// lineEvery is how often a line is written within a step.
const lineEvery = 10 * time.Second

// barUnits is the length of the bar: tenths of a percent.
const barUnits = 1000

func newProgress(w io.Writer, title string, steps []step) *progress {
	p := &progress{w: w, title: title, steps: steps, now: time.Now, current: -1}
	p.start = p.now()
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions(barUnits, progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(title), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// Begin enters a step; those before it are done.
func (p *progress) Begin(name string) {
	for i, s := range p.steps {
		if s.name == name {
			p.current = i
		}
	}
	p.said = time.Time{}
	p.tell(0, "")
}

// Within says which part of the step is done, 0 to 1, and in words how far it is.
func (p *progress) Within(part float64, detail string) { p.tell(min(max(part, 0), 1), detail) }

// Done says what came of the job.
func (p *progress) Done(result string) {
	if p.bar != nil {
		p.bar.Finish()
	}
	if p.w != nil {
		fmt.Fprintf(p.w, "%s: %s in %s\n", p.title, result, p.now().Sub(p.start).Round(time.Second))
	}
}

// Stop takes the bar away when the job fails.
func (p *progress) Stop() {
	if p.bar != nil {
		p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}

// done returns the part of the whole job that is done, 0 to 1.
func (p *progress) done(part float64) float64 {
	var before, all float64
	for i, s := range p.steps {
		if i < p.current {
			before += s.weight
		}
		all += s.weight
	}
	return (before + part*p.steps[p.current].weight) / all
}

func (p *progress) tell(part float64, detail string) {
	done := p.done(part)
	switch {
	case p.w == nil:
	case p.bar != nil:
		p.bar.Describe(p.title + ": " + p.steps[p.current].name + " " + detail)
		p.bar.Set(int(done * barUnits))
	case p.now().Sub(p.said) >= lineEvery:
		p.said = p.now()
		fmt.Fprintln(p.w, p.line(done, detail))
	}
}

// line is what is written where there is no terminal, such as
// "kernel: compile, 43 % (412 of 1144), 1m20s left".
func (p *progress) line(done float64, detail string) string {
	line := fmt.Sprintf("%s: %s, %d %%", p.title, p.steps[p.current].name, int(done*100))
	if detail != "" {
		line += " (" + detail + ")"
	}
	if left, ok := timeLeft(p.now().Sub(p.start), done); ok {
		line += ", " + left.String() + " left"
	}
	return line
}

// timeLeft expects the rest of a job to go on as fast as what is done. It says nothing
// before there is something to go by.
func timeLeft(elapsed time.Duration, done float64) (time.Duration, bool) {
	if done < 0.03 || elapsed < time.Second {
		return 0, false
	}
	left := time.Duration(float64(elapsed) * (1 - done) / done)
	return left.Round(time.Second), true
}
