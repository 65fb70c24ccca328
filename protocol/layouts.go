package protocol

// The layouts of all requests that are served, and of the older versions that
// get a typed refusal instead of a closed connection.

// compiled holds a request's structures, by version from min.
type compiled struct {
	min      int16
	versions []structure
}

// compiledLayouts is indexed by key.
var compiledLayouts = compileAll(dataLayouts(), groupLayouts(), txnLayouts(), adminLayouts())

func compileAll(rooms ...[]layout) [len(keyInfos)]compiled {
	var all [len(keyInfos)]compiled
	for _, room := range rooms {
		for _, l := range room {
			c := compiled{min: l.min}
			for v := l.min; v <= l.max; v++ {
				c.versions = append(c.versions, compile(l.fields, v, l.key.Flexible(v), true))
			}
			all[l.key] = c
		}
	}
	return all
}

// layoutOf finds the structure of a version.
func layoutOf(key Key, version int16) (*structure, bool) {
	if !key.Known() {
		return nil, false
	}
	c := &compiledLayouts[key]
	if i := int(version) - int(c.min); i >= 0 && i < len(c.versions) {
		return &c.versions[i], true
	}
	return nil, false
}

// Decodable is the range of versions that Decode reads, for a server to check
// its table against.
func Decodable(key Key) (VersionRange, bool) {
	if !key.Known() || len(compiledLayouts[key].versions) == 0 {
		return VersionRange{}, false
	}
	c := &compiledLayouts[key]
	return VersionRange{Key: key, Min: c.min, Max: c.min + int16(len(c.versions)) - 1}, true
}
