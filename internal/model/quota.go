package model

// QuotaEntity is who a quota is for: a user, a client id, or a user with a
// client id.
type QuotaEntity struct{ User, ClientID QuotaName }

// QuotaName is one side of a QuotaEntity: a name, the default for all that have
// no quota by their name, or, where it is not given, nothing.
type QuotaName struct {
	Given, Default bool
	Name           string // empty for the default
}

// NamedQuota is the side of an entity with a name.
func NamedQuota(name string) QuotaName { return QuotaName{Given: true, Name: name} }

// DefaultQuota is the side of an entity that stands for all without their own.
func DefaultQuota() QuotaName { return QuotaName{Given: true, Default: true} }

// String is how the name is shown to people.
func (n QuotaName) String() string {
	if n.Default {
		return "<default>"
	}
	return n.Name
}

// String is Kafka's path of the entity.
func (e QuotaEntity) String() string {
	s := ""
	if e.User.Given {
		s += "/users/" + e.User.String()
	}
	if e.ClientID.Given {
		s += "/clients/" + e.ClientID.String()
	}
	return s
}
