package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/protocol"
)

// check holds one value against its definition; nil or an error that names the
// setting, the value and what would do.
func (d *ConfigDef) check(value string, l Limits) error {
	if words := d.Rule.Check(value); words != "" {
		if unit := d.Unit(); unit != "" && hasSuffix(value) {
			words += ": it counts " + unit + ", without a suffix"
		}
		return fmt.Errorf("invalid value %s for %s: it %s", d.shown(value), d.Name, words)
	}
	if d.Refuse != nil {
		if words := d.Refuse(value, l); words != "" {
			return fmt.Errorf("value %s for %s is not possible: %s", d.shown(value), d.Name, words)
		}
	}
	return nil
}

// hasSuffix reports whether a value begins like a number and does not end so,
// as 10m does.
func hasSuffix(value string) bool {
	v := strings.TrimSpace(value)
	return v != "" && v[0] >= '0' && v[0] <= '9' && strings.Trim(v, "0123456789") != ""
}

func (d *ConfigDef) shown(value string) string {
	if d.Sensitive() {
		return "[hidden]"
	}
	return strconv.Quote(value)
}

// checkAll validates every value of a resource, and reports all that is wrong
// under one code.
func (s *defSet) checkAll(code protocol.ErrorCode, noun string, values map[string]string, l Limits) error {
	var errs []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		d, ok := s.byName[k]
		if !ok {
			errs = append(errs, fmt.Sprintf("unknown %s config %q%s", noun, k, didYouMean(k, s.names())))
			continue
		}
		if err := d.check(values[k], l); err != nil {
			errs = append(errs, err.Error())
		}
	}
	if len(errs) > 0 {
		return protocol.Errorf(code, "%s", sentence(strings.Join(errs, "; ")))
	}
	return nil
}

// ValidateTopicConfigs checks the configs of a topic, as set at creation. The error
// is an INVALID_CONFIG.
func (r *Resolver) ValidateTopicConfigs(configs map[string]string) error {
	return r.validateTopicChange(configs, nil)
}

// validateTopicChange checks the configs of a topic as they would stand after a change.
// A value that stays is not judged again, so that it is not in the way of the others:
// the broker gives its own topics some that clients may not, and limits move.
func (r *Resolver) validateTopicChange(configs, before map[string]string) error {
	asked := maps.Clone(configs)
	maps.DeleteFunc(asked, func(key, value string) bool {
		stands, ok := before[key]
		return ok && stands == value
	})
	if err := topicDefs().checkAll(protocol.InvalidConfig, "topic", asked, r.limits); err != nil {
		return err
	}
	lag := func(key string) int64 {
		v, ok := configs[key]
		if !ok {
			v = topicDefs().byName[key].Default
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return n
	}
	if lo, hi := lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms"); lo > hi {
		return protocol.Errorf(protocol.InvalidConfig,
			"min.compaction.lag.ms=%d is more than max.compaction.lag.ms=%d; lower the first or raise the second.", lo, hi)
	}
	return nil
}

// ValidateGroupConfigs checks the configs of a group as they would stand after
// a change. The error is an INVALID_CONFIG.
func (r *Resolver) ValidateGroupConfigs(img *Image, configs map[string]string) error {
	if err := groupDefs().checkAll(protocol.InvalidConfig, "group", configs, r.limits); err != nil {
		return err
	}
	return r.checkGroupBounds(img, configs)
}

// ValidateBrokerConfigs checks configs that are to be set on brokers while they
// run. The error is an INVALID_REQUEST, as Kafka has it for brokers.
func (r *Resolver) ValidateBrokerConfigs(configs map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(configs)) {
		d, ok := brokerDefs().byName[k]
		if !ok && isMeaningless(k) {
			return protocol.Errorf(protocol.InvalidRequest,
				"The broker config %s means nothing in Mainstem and cannot be set while it runs.", k)
		}
		if ok && d.Dynamic == ReadOnly {
			return protocol.Errorf(protocol.InvalidRequest,
				"The broker config %s cannot be changed while the broker runs: set it in the configuration file, "+
					"by --set or in the environment, and restart.", k)
		}
	}
	return brokerDefs().checkAll(protocol.InvalidRequest, "broker", configs, r.limits)
}

// SettingError is what is wrong with one setting.
type SettingError struct {
	Key string
	Err error // names the setting itself
}

// Error implements error.
func (e *SettingError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *SettingError) Unwrap() error { return e.Err }

// CheckStatic checks the broker settings of the file, the environment and the
// flags. Warnings name what was accepted without effect, and what was left at
// Kafka's default is not worth one; the error names all
// that is wrong, a SettingError for each setting.
func CheckStatic(values map[string]string) (warnings []string, err error) {
	limits := NewResolver(values).limits
	var errs []error
	var insecure []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		d, ok := brokerDefs().byName[k]
		switch {
		case decidesAccess(k):
			errs = append(errs, &SettingError{Key: k, Err: fmt.Errorf("the setting %s is not possible: %s", k, noAuthorizer)})
			continue
		case !ok && speaksOfSecurity(k):
			insecure = append(insecure, k)
			continue
		case !ok && isMeaningless(k):
			warnings = append(warnings, fmt.Sprintf("the setting %s of Apache Kafka means nothing in Mainstem", k))
			continue
		case !ok:
			errs = append(errs, &SettingError{Key: k, Err: unknownSetting(k)})
			continue
		}
		if err := d.check(values[k], limits); err != nil {
			errs = append(errs, &SettingError{Key: k, Err: err})
			continue
		}
		if w := d.WithoutEffect(values[k]); w != "" {
			warnings = append(warnings, w)
		}
	}
	if len(insecure) > 0 {
		warnings = append(warnings, securityWarning(insecure))
	}
	errs = append(errs, checkNodeID(values))
	return warnings, errors.Join(errs...)
}

func unknownSetting(key string) error {
	if d, ok := topicDefs().byName[key]; ok {
		for _, u := range d.Synonyms {
			return fmt.Errorf("%q is a topic config; its default for all topics is set by %s", key, u.Name)
		}
	}
	near := nearest(key, slices.Concat(brokerDefs().names(), topicDefs().names()))
	if _, ok := brokerDefs().byName[near]; !ok && near != "" {
		for _, u := range topicDefs().byName[near].Synonyms {
			return fmt.Errorf("unknown setting %q; did you mean %s? that is a topic config; its default for all topics is set by %s", key, near, u.Name)
		}
	}
	return fmt.Errorf("unknown setting %q%s", key, didYouMean(key, brokerDefs().names()))
}

func checkNodeID(values map[string]string) error {
	id, hasID := values[NodeIDKey]
	old, hasOld := values[BrokerIDKey]
	if hasID && hasOld && strings.TrimSpace(old) != "-1" && strings.TrimSpace(old) != strings.TrimSpace(id) {
		return fmt.Errorf("node.id=%s and broker.id=%s contradict each other; they are one setting, remove broker.id", id, old)
	}
	return nil
}

// sentence gives an error text a capital and a full stop, as it ends up before
// a user's eyes.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
