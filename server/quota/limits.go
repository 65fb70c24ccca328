package quota

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// Client is who asks.
type Client struct{ User, ClientID string }

// Limits is all quotas that are set at a time. It never changes.
type Limits struct {
	by   [kindCount]map[model.QuotaEntity]float64
	over chan struct{} // closed when others took its place
}

// NewLimits makes the limits of the quotas by entity and Kafka's name; a name
// that is unknown here limits nothing.
func NewLimits(quotas map[model.QuotaEntity]map[string]float64) *Limits {
	l := &Limits{over: make(chan struct{})}
	for entity, values := range quotas {
		for key, value := range values {
			k, known := KindOf(key)
			if !known || !(value > 0) {
				continue
			}
			if l.by[k] == nil {
				l.by[k] = make(map[model.QuotaEntity]float64)
			}
			l.by[k][entity] = value * k.traits().unit
		}
	}
	return l
}

func (l *Limits) empty() bool {
	for _, m := range l.by {
		if len(m) > 0 {
			return false
		}
	}
	return true
}

// find looks for the quota that holds for a client, by Kafka's order: the
// closest user first, and for each the closest client id; what is for users
// beats what is only for client ids.
func (l *Limits) find(k Kind, who Client) (limit float64, of model.QuotaEntity, ok bool) {
	users := [...]model.QuotaName{model.NamedQuota(who.User), model.DefaultQuota(), {}}
	clients := [...]model.QuotaName{model.NamedQuota(who.ClientID), model.DefaultQuota(), {}}
	for _, user := range users {
		for _, client := range clients {
			e := model.QuotaEntity{User: user, ClientID: client}
			if limit, ok = l.by[k][e]; ok {
				return limit, e, true
			}
		}
	}
	return 0, model.QuotaEntity{}, false
}

// accountKey is whose account it is: all who share it have the same user, the
// same client id, or both, as the quota says that holds for them.
type accountKey struct {
	kind         Kind
	of           accountOf
	user, client string
}

// accountOf says what an account is kept by.
type accountOf uint8

const (
	ofUser   accountOf = 1 << iota
	ofClient           // may stand beside ofUser
	ofCrowd            // of all for whom there is no room, under the same default
)

func keyOf(k Kind, e model.QuotaEntity, who Client) accountKey {
	key := accountKey{kind: k}
	if e.User.Given {
		key.of, key.user = key.of|ofUser, clipped(who.User)
	}
	if e.ClientID.Given {
		key.of, key.client = key.of|ofClient, clipped(who.ClientID)
	}
	return key
}

// crowdOf is the account of all clients that an entity stands for.
func crowdOf(k Kind, e model.QuotaEntity) accountKey {
	key := keyOf(k, e, Client{User: e.User.String(), ClientID: e.ClientID.String()})
	key.of |= ofCrowd
	return key
}

// clippedBytes is how long a name may be to be kept as it is: a client may send
// one of 32 KiB.
const clippedBytes = 256

func clipped(name string) string {
	if len(name) <= clippedBytes {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}
