package arch

import (
	"fmt"
	"slices"
	"strings"
)

const module = "github.com/mainstem-mq/mainstem"

// leaves is what LEAVES stands for in the policy.
var leaves = [...]string{"internal/model", "internal/vfs", "internal/clock", "internal/span"}

// policy is policy.txt in memory.
type policy struct {
	rooms map[string][]string // room -> rooms it may import
	uses  map[string][]string // library -> rooms that may import it
}

func parsePolicy(text string) (policy, error) {
	p := policy{rooms: map[string][]string{}, uses: map[string][]string{}}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, list, ok := strings.Cut(line, ":")
		if !ok {
			return p, fmt.Errorf("policy line %d: no colon in %q", i+1, line)
		}
		into := p.rooms
		name = strings.TrimSpace(name)
		if library, ok := strings.CutPrefix(name, "use "); ok {
			into, name = p.uses, strings.TrimSpace(library)
		}
		if into[name] != nil {
			return p, fmt.Errorf("policy line %d: %q stands twice", i+1, name)
		}
		may := []string{}
		for _, word := range strings.Fields(list) {
			switch word {
			case "-":
			case "LEAVES":
				may = append(may, leaves[:]...)
			default:
				may = append(may, word)
			}
		}
		into[name] = may
	}
	return p, nil
}

// judge returns one sentence for each wrong import.
func (p policy) judge(files []source) []string {
	var wrong []string
	complain := func(f source, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s (package %s) ", f.path, f.room)+fmt.Sprintf(format, args...))
	}
	for _, f := range files {
		if f.test {
			continue // tests may wire up what they like
		}
		may, known := p.rooms[f.room]
		if !known {
			complain(f, "has no line in policy.txt: every room says what it may import")
			continue
		}
		for _, imp := range f.imports {
			if why := p.refuse(f.room, may, imp); why != "" {
				complain(f, "imports %s: %s", imp, why)
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// refuse says why a room may not import a path; "" if it may.
func (p policy) refuse(room string, may []string, imp string) string {
	first, _, _ := strings.Cut(imp, "/")
	switch {
	case (imp == "testing" || strings.HasPrefix(imp, "testing/")) && !forTests(room):
		return "only tests may import the testing library"
	case strings.HasPrefix(imp, module+"/") && forTests(imp) && !forTests(room):
		return "only tests may import a room of tests"
	case imp == module || strings.HasPrefix(imp, module+"/"):
		target := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
		if slices.ContainsFunc(may, func(m string) bool { return matches(m, target) }) {
			return ""
		}
		if len(may) == 0 {
			return fmt.Sprintf("%s may import no room of ours", room)
		}
		return fmt.Sprintf("imports go downwards only, %s may import %s", room, strings.Join(may, ", "))
	case !strings.Contains(first, "."):
		return "" // the standard library
	}
	for library, rooms := range p.uses {
		if matches(library, imp) || strings.HasPrefix(imp, library+"/") {
			if slices.Contains(rooms, room) {
				return ""
			}
			return fmt.Sprintf("this library is wrapped in %s", strings.Join(rooms, ", "))
		}
	}
	return "policy.txt names no room for this library"
}

// forTests reports whether a room belongs to tests.
func forTests(room string) bool { return strings.HasSuffix(room, "test") }

// matches reports whether a pattern of the policy means a path.
func matches(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return pattern == path
}
