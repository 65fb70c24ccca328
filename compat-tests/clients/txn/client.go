package txn

import (
	"path"
	"path/filepath"
	"testing"

	"github.com/mainstem-mq/mainstem/compat-tests/clients/program"
)

// Client is a client library with its program.
type Client struct {
	Name string
	// Program is the command that starts it, without arguments, and what it wants
	// in the environment.
	Program func(t *testing.T) (command, env []string)
	// Members says that the client commits offsets as the member of the group that
	// it is, and not for anybody (KIP-447): else nothing keeps two members apart.
	Members bool
	// Quick says that it is of the quick set: it needs no more than Go.
	Quick bool
	// Bumps says that the client has an epoch for each transaction, and leaves it to
	// the broker to add partitions (KIP-890).
	Bumps bool
}

// Clients are those that play the scenarios.
func Clients() []Client {
	inGo := func(name string) func(t *testing.T) (command, env []string) {
		return func(t *testing.T) (command, env []string) {
			return program.Go(t, path.Join("clients", "txn", name)), nil
		}
	}
	inPython := func(name, version string) func(t *testing.T) (command, env []string) {
		return func(t *testing.T) (command, env []string) {
			return program.Python(t, version, filepath.Join(name, "worker.py"), "python")
		}
	}
	inJava := func(jars string) func(t *testing.T) (command, env []string) {
		return func(t *testing.T) (command, env []string) {
			return program.Java(t, jars, filepath.Join("java", "Worker.java")), nil
		}
	}
	return []Client{
		{Name: "java", Program: inJava("kafka"), Members: true, Bumps: true},
		{Name: "java-4.4", Program: inJava("kafka-clients-4.4"), Members: true, Bumps: true},
		{Name: "java-3.9", Program: inJava("kafka-clients-3.9"), Members: true},
		{Name: "franzgo", Program: inGo("franzgo"), Members: true, Bumps: true, Quick: true},
		{Name: "sarama", Program: inGo("sarama"), Members: true},
		{Name: "librdkafka", Program: inPython("librdkafka", filepath.Join("..", "librdkafka")), Members: true},
		{Name: "aiokafka", Program: inPython("aiokafka", "aiokafka")},
		{Name: "kafkajs", Program: func(t *testing.T) (command, env []string) {
			return program.Node(t, filepath.Join("..", "kafkajs"), filepath.Join("kafkajs", "worker.js"))
		}},
	}
}
