// Package coordinator holds the group coordinator as pure state machines.
package coordinator
