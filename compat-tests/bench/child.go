package main

import (
	"bytes"
	"encoding/json"
	"errors"
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
	done        chan struct{} // Closed when it has ended.
	failed      error         // Set by then.
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
	c := &child{
		cmd: exec.CommandContext(s.ctx, argv[0], argv[1:]...), out: &bytes.Buffer{}, errOut: &bytes.Buffer{}, done: make(chan struct{}),
	}
	c.cmd.Stdin = bytes.NewReader(spec)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.errOut
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.done)
		c.failed = c.cmd.Wait()
	}()
	return c, nil
}

// wait waits until the load has ended, and returns what it saw.
func (c *child) wait() (outcome, error) {
	<-c.done
	if c.failed != nil {
		text := strings.TrimSpace(c.errOut.String())
		return outcome{}, fmt.Errorf("load process: %w: %s", c.failed, text[:min(len(text), 1000)])
	}
	var o outcome
	return o, json.Unmarshal(c.out.Bytes(), &o)
}

// running returns an error if the load has ended, well or not: for loads that
// have to go on for as long as something is watched.
func (c *child) running() error {
	select {
	case <-c.done:
		_, err := c.wait()
		return errors.Join(errors.New("a load has ended early"), err)
	default:
		return nil
	}
}

// abandon ends a load whose broker is gone; its end is no error.
func (c *child) abandon() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

func (s *stand) runChild(l load) (outcome, error) {
	c, err := s.startChild(l)
	if err != nil {
		return outcome{}, err
	}
	return c.wait()
}
