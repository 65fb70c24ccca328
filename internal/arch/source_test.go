package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// source is one Go file of the module.
type source struct {
	room    string // its folder
	path    string
	test    bool
	imports []string
}

// walk calls visit for every file of the module; folders that are modules of
// their own and hidden ones are left out.
func walk(tree fs.FS, visit func(name string) error) error {
	return fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return visit(name)
		case name == ".":
			return nil
		case strings.HasPrefix(d.Name(), ".") || exists(tree, path.Join(name, "go.mod")):
			return fs.SkipDir
		}
		return nil
	})
}

func exists(tree fs.FS, name string) bool {
	_, err := fs.Stat(tree, name)
	return err == nil
}

// sources finds all Go files and what they import.
func sources(tree fs.FS) ([]source, error) {
	var files []source
	err := walk(tree, func(name string) error {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f := source{room: path.Dir(name), path: name, test: strings.HasSuffix(name, "_test.go")}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("imports of %s: %w", name, err)
		}
		for _, spec := range parsed.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("import %s of %s: %w", spec.Path.Value, name, err)
			}
			f.imports = append(f.imports, imp)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}
