package telemetry

import (
	"encoding/base64"
	"strings"

	"github.com/mainstem-mq/mainstem/cluster"
)

// ID is a client instance: one producer, consumer or admin client from its start to
// its end. The broker gives it.
type ID [16]byte

// String is Kafka's way to write it.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// reserved are the ids that no client has.
func (id ID) reserved() bool { return id == ID{} || id == ID{15: 1} }

// Client is who asks or pushes, as its connection tells.
type Client struct {
	ClientID                      string
	SoftwareName, SoftwareVersion string
	SourceAddress, SourcePort     string
}

// fit is the client with what is too long cut off, and what is no text taken out. Two
// that look the same then have different ids.
func (c *Client) fit() Client {
	cut := func(s string) string {
		return strings.ToValidUTF8(strings.Clone(s[:min(len(s), labelBytesMax)]), "")
	}
	return Client{cut(c.ClientID), cut(c.SoftwareName), cut(c.SoftwareVersion), cut(c.SourceAddress), cut(c.SourcePort)}
}

// attribute is what a subscription can choose the client by.
func (c *Client) attribute(id ID, a cluster.ClientAttribute) string {
	switch a {
	case cluster.ClientInstanceID:
		return id.String()
	case cluster.ClientID:
		return c.ClientID
	case cluster.ClientSoftwareName:
		return c.SoftwareName
	case cluster.ClientSoftwareVersion:
		return c.SoftwareVersion
	case cluster.ClientSourceAddress:
		return c.SourceAddress
	case cluster.ClientSourcePort:
		return c.SourcePort
	}
	return ""
}
