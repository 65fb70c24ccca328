package cluster

import (
	"fmt"
	"strings"
)

// There is no security yet. What would let some in and keep others out in
// Kafka must not be passed over in silence: who may do what is refused, as a
// broker of Kafka would enforce it on any listener. What speaks of TLS and
// passwords is warned of only: Kafka does not use it on a plaintext listener
// either, and others are refused.

// decidesAccess reports whether a setting says who may do what.
func decidesAccess(name string) bool {
	return name == "super.users" || name == "allow.everyone.if.no.acl.found"
}

// speaksOfSecurity reports whether a setting is of TLS, of passwords or tokens.
func speaksOfSecurity(name string) bool {
	for _, prefix := range []string{"ssl.", "sasl.", "security.providers", "delegation.token.", "password.encoder.", "principal.builder."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasPrefix(name, "listener.name.") && (strings.Contains(name, ".ssl.") || strings.Contains(name, ".sasl."))
}

const noAuthorizer = "there is no authorizer in this broker, so everyone would be let in; remove the setting to accept that"

// securityWarning is one loud line for all such settings.
func securityWarning(names []string) string {
	return fmt.Sprintf("NO SECURITY: there is neither TLS nor authentication in Mainstem yet, and these settings do not change that: %s. "+
		"Whoever reaches a listener may read and write everything", strings.Join(names, ", "))
}
