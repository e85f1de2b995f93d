package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// grubDir is where Debian's package grub-pc-bin puts GRUB's parts.
const grubDir = "/usr/lib/grub/i386-pc"

// modules are what GRUB needs to read the partition and start what it finds there.
var modules = []string{"biosdisk", "part_msdos", "tar", "multiboot2", "boot"}

// ErrNoGRUB says that the machine lacks the boot loader.
var ErrNoGRUB = errors.New("GRUB's parts are not installed: run: apt-get install --no-install-recommends grub-pc-bin grub-common")

// loader is GRUB as it is written before the partition.
type loader struct {
	boot []byte // sector 0, without the partition table
	core []byte // from sector 1 on
}

// makeLoader has GRUB linked with a configuration that starts the kernel with these words, in a scratch folder.
func makeLoader(ctx context.Context, words []string, scratch string) (loader, error) {
	var l loader
	boot, err := os.ReadFile(filepath.Join(grubDir, "boot.img"))
	if errors.Is(err, os.ErrNotExist) {
		return l, ErrNoGRUB
	}
	if err != nil {
		return l, fmt.Errorf("read GRUB: %w", err)
	}
	config, core := filepath.Join(scratch, "grub.cfg"), filepath.Join(scratch, "core.img")
	text, err := grubConfig(words)
	if err != nil {
		return l, err
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return l, fmt.Errorf("configure GRUB: %w", err)
	}
	args := append([]string{"-O", "i386-pc", "-d", grubDir, "-p", "(,msdos1)", "-c", config, "-o", core}, modules...)
	out, err := exec.CommandContext(ctx, "grub-mkimage", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return l, ErrNoGRUB
	}
	if err != nil {
		return l, fmt.Errorf("link GRUB: grub-mkimage: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if l.core, err = os.ReadFile(core); err != nil {
		return l, fmt.Errorf("link GRUB: %w", err)
	}
	l.boot = boot
	return l, nil
}

// grubConfig is what GRUB does. It is read by GRUB's small parser, which knows no quotes that could be got wrong: a word
// with anything but plain characters is refused.
func grubConfig(words []string) (string, error) {
	for _, w := range words {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return !strings.ContainsRune(plain, r) }) {
			return "", fmt.Errorf("configure GRUB: %q has characters that a kernel's command line on a disk cannot have", w)
		}
	}
	return fmt.Sprintf("multiboot2 ($root)/%s %s\nmodule2 ($root)/%s\nboot\n", kernelFile, strings.Join(words, " "), archiveFile), nil
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=.,:_-+/"
