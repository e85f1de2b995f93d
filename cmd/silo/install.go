package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
)

// unit is the service. KillMode=process leaves the guests alone when the node ends; Delegate lets it make cgroups.
const unit = `# Written by: silo node install
[Unit]
Description=silo node: guests on this machine
Documentation=https://github.com/silo-os/silo
After=network.target

[Service]
Type=notify
ExecStart=%s node
KillMode=process
Delegate=yes
Restart=always
RestartSec=1
TasksMax=infinity
LimitNOFILE=524288
StateDirectory=silo
StateDirectoryMode=0700
RuntimeDirectory=silo
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
`

func newNodeInstall(w *world) *cobra.Command {
	path := "/etc/systemd/system/silo-node.service"
	var force bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Write a systemd unit for silo node",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := installUnit(path, force); err != nil {
				return err
			}
			fmt.Fprintf(w.stdout, "%s\nstart it with: systemctl daemon-reload && systemctl enable --now %s\n", path, strings.TrimSuffix(filepath.Base(path), ".service"))
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "unit", path, "`path` of the unit")
	cmd.Flags().BoolVar(&force, "force", false, "replace a unit that is there")
	return cmd
}

func installUnit(path string, force bool) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install unit: find silo: %w", err)
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return fmt.Errorf("install unit: %s is there already: replace it with --force", path)
	}
	// Percent signs and spaces mean something in a unit.
	self = `"` + strings.NewReplacer(`%`, `%%`, `\`, `\\`, `"`, `\"`).Replace(self) + `"`
	err = renameio.WriteFile(path, fmt.Appendf(nil, unit, self), 0o644)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("install unit: %w: run it as root on a machine with systemd, or choose another path with --unit", err)
	}
	if err != nil {
		return fmt.Errorf("install unit: %w", err)
	}
	return nil
}
