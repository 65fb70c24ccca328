package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// child is a load process.
type child struct {
	cmd         *exec.Cmd
	out, errOut *bytes.Buffer
}

// startChild starts a load, which ends when the run is interrupted.
func (s *stand) startChild(l load) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	argv := []string{self, loadMode}
	if l.Op == "backlog" {
		// Who reads a backlog is on another machine; here it takes what the
		// broker and the live clients leave of the cores.
		argv = append([]string{"nice", "-n", "19"}, argv...)
	}
	c := &child{cmd: exec.CommandContext(s.ctx, argv[0], argv[1:]...), out: &bytes.Buffer{}, errOut: &bytes.Buffer{}}
	c.cmd.Stdin = bytes.NewReader(spec)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.errOut
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c, c.cmd.Start()
}

func (c *child) wait() (outcome, error) {
	if err := c.cmd.Wait(); err != nil {
		text := strings.TrimSpace(c.errOut.String())
		return outcome{}, fmt.Errorf("load process: %w: %s", err, text[:min(len(text), 1000)])
	}
	var o outcome
	return o, json.Unmarshal(c.out.Bytes(), &o)
}

// abandon ends a load whose broker is gone; its end is no error.
func (c *child) abandon() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (s *stand) runChild(l load) (outcome, error) {
	c, err := s.startChild(l)
	if err != nil {
		return outcome{}, err
	}
	return c.wait()
}
