package snippet

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// block is one fenced block of a page.
type block struct {
	// line is that of the opening fence, from 1.
	line     int
	language string
	// file and part are from the comment before the block; file is "" without one.
	file, part string
	text       string
}

var (
	fence = regexp.MustCompile("^( *)(```+|~~~+) *([^ `]*).*$")
	tie   = regexp.MustCompile(`^<!-- *([^ #]+/[^ #]+)(?:#([^ ]+))? *-->$`)
)

// Check returns what is wrong with a page's blocks: those that no file is named for,
// those whose file is missing or differs, and names that no block follows. root is the
// repository.
func Check(root fs.FS, page string) (wrong []string) {
	blocks, wrong := read(page)
	for _, b := range blocks {
		if err := b.check(root); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %v", b.line, err))
		}
	}
	return wrong
}

// read takes a page's blocks apart.
func read(page string) (blocks []block, wrong []string) {
	var open *block
	var closing string
	for i, line := range strings.Split(page, "\n") {
		f, named := fence.FindStringSubmatch(line), tie.FindStringSubmatch(line)
		switch {
		case open != nil && open.language == pending:
			// The comment's next line has to be the fence.
			if f == nil {
				wrong = append(wrong, fmt.Sprintf("line %d: no block follows the name of %s", i, open.file))
				open = nil
				continue
			}
			open.line, open.language, closing = i+1, f[3], f[2]
		case open != nil && strings.TrimRight(line, " ") == closing:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		case named != nil:
			open = &block{language: pending, file: named[1], part: named[2]}
		case f != nil && f[1] != "":
			wrong = append(wrong, fmt.Sprintf("line %d: the fence is indented: a block stands at the margin", i+1))
		case f != nil:
			open, closing = &block{line: i + 1, language: f[3]}, f[2]
		}
	}
	if open != nil {
		wrong = append(wrong, fmt.Sprintf("line %d: the block is not closed", open.line))
	}
	return blocks, wrong
}

// pending is the language of a block whose name was read, and its fence not yet.
const pending = "\x00"

func (b block) check(root fs.FS) error {
	if b.file == "" {
		if slices.Contains([]string{"console", "text"}, b.language) {
			return nil
		}
		return fmt.Errorf("the block of %q has no <!-- FILE --> in the line before it: name the file that the suite runs", b.language)
	}
	file, err := fs.ReadFile(root, b.file)
	if err != nil {
		return err
	}
	want := string(file)
	if b.part != "" {
		if want, err = part(want, b.part); err != nil {
			return fmt.Errorf("%s: %w", b.file, err)
		}
	}
	if b.text != want {
		return fmt.Errorf("differs from %s%s:\n%s", b.file, strings.TrimSuffix("#"+b.part, "#"), difference(b.text, want))
	}
	return nil
}

// part is what stands between a file's lines "snippet: NAME" and "snippet: end".
func part(file, name string) (string, error) {
	lines := strings.SplitAfter(file, "\n")
	marks := func(mark string) func(string) bool {
		return func(line string) bool {
			_, after, found := strings.Cut(line, "snippet: ")
			words := strings.Fields(after)
			return found && len(words) > 0 && words[0] == mark
		}
	}
	begin := slices.IndexFunc(lines, marks(name))
	if begin < 0 {
		return "", fmt.Errorf("has no line with %q", "snippet: "+name)
	}
	lines = lines[begin+1:]
	end := slices.IndexFunc(lines, marks("end"))
	if end < 0 {
		return "", errors.New(`has no line with "snippet: end" after it`)
	}
	lines = lines[:end]
	shared := -1
	for _, line := range lines {
		text := strings.TrimLeft(line, " \t")
		if indent := len(line) - len(text); strings.TrimSpace(text) != "" && (shared < 0 || indent < shared) {
			shared = indent
		}
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(line[min(max(shared, 0), len(line)-1):])
	}
	return out.String(), nil
}

// difference shows the first line that two texts do not share.
func difference(page, file string) string {
	p, f := strings.Split(page, "\n"), strings.Split(file, "\n")
	for i := range max(len(p), len(f)) {
		var inPage, inFile string
		if i < len(p) {
			inPage = p[i]
		}
		if i < len(f) {
			inFile = f[i]
		}
		if inPage != inFile || i >= len(p) || i >= len(f) {
			return fmt.Sprintf("  its line %d is %q, that of the file %q", i+1, inPage, inFile)
		}
	}
	return ""
}
