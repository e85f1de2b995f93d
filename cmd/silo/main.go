package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its inputs and outputs.
func run(args []string, stdout, stderr io.Writer) int {
	signals, stop := notify()
	defer stop()
	cmd := newRoot(&world{stdout: stdout, stderr: stderr, lookupEnv: os.LookupEnv, signals: signals})
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.Execute()
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	fmt.Fprintf(stderr, "silo: %v\n", err)
	var stopped *interrupted
	if errors.As(err, &stopped) {
		return 128 + signalNumber(stopped.signal)
	}
	return codeSilo
}

// world is what the commands use of the process they run in.
type world struct {
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	signals        <-chan os.Signal
}

func newRoot(w *world) *cobra.Command {
	root := &cobra.Command{
		Use:   "silo",
		Short: "Run one Go application as a virtual machine that is as large as it needs to be",
		// Errors are told once, by run.
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(newBuild(w), newPush(w), newPull(w), newRun(w), newNode(w), newPs(w), newLogs(w), newInspect(w), newSet(w), newStop(w), newKill(w), newRm(w), newVolume(w), newDump(w),
		newStack(w), newPprof(w), newCore(w), newMigrate(w), newDrain(w), newPeers(w), newVersion(w))
	return root
}
