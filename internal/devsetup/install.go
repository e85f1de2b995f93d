package devsetup

import (
	"context"
	"fmt"
	"strings"
)

// AbsentError says what to run where packages are absent and cannot be installed.
type AbsentError struct {
	Packages []Package
}

// Error names the line to run.
func (e *AbsentError) Error() string {
	return fmt.Sprintf("packages are missing and only root may install them; run:\n  sudo %s", strings.Join(installLine(e.Packages), " "))
}

// lists is where apt keeps the indexes that it installs from.
const lists = "/var/lib/apt/lists/*_Packages*"

// quiet keeps apt-get from asking questions.
var quiet = []string{"DEBIAN_FRONTEND=noninteractive"}

// patience lets apt-get wait, in seconds, for another one that runs.
const patience = "DPkg::Lock::Timeout=300"

// Update fetches the package indexes anew. The machine must be ours: see System.Root.
func Update(ctx context.Context, sys System) error {
	if err := sys.Run(ctx, quiet, "apt-get", "-o", patience, "update", "-q"); err != nil {
		return fmt.Errorf("update package lists: %w", err)
	}
	return nil
}

// installLine is the command that installs the packages.
func installLine(list []Package) []string {
	line := []string{"apt-get", "install", "-y", "--no-install-recommends"}
	for _, p := range list {
		line = append(line, p.Name)
	}
	return line
}

// Ensure installs what the purposes need and the machine lacks. Not being root it returns an
// *[AbsentError]. It says nothing and does nothing where nothing is absent.
func Ensure(ctx context.Context, sys System, purposes ...Purpose) error {
	absent := Absent(sys, purposes...)
	if len(absent) == 0 {
		return nil
	}
	if !sys.Root() {
		return &AbsentError{absent}
	}
	if err := install(ctx, sys, absent); err != nil {
		return err
	}
	if still := Absent(sys, purposes...); len(still) > 0 {
		p := still[0]
		return fmt.Errorf("install %s: apt-get succeeded, but %s%s is not there", p.Name, p.Command, p.File)
	}
	return nil
}

// install tries with the indexes there are, and once more with fresh ones: an old index names
// versions that the mirror no longer has.
func install(ctx context.Context, sys System, list []Package) error {
	line := installLine(list)
	fresh := !sys.HasFile(lists)
	if fresh {
		if err := Update(ctx, sys); err != nil {
			return err
		}
	}
	args := append([]string{"-o", patience, "-q"}, line[1:]...)
	err := sys.Run(ctx, quiet, line[0], args...)
	if err != nil && !fresh && ctx.Err() == nil {
		if err := Update(ctx, sys); err != nil {
			return err
		}
		err = sys.Run(ctx, quiet, line[0], args...)
	}
	if err != nil {
		return fmt.Errorf("install packages: %w; by hand: %s", err, strings.Join(line, " "))
	}
	return nil
}
