package harness

import (
	"context"
	"path/filepath"
)

// GoModule builds the command of a module of its own: of a client that would burden
// the module of the tests, as by a C compiler.
func GoModule(ctx context.Context, folder string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(cache, "bin", "go-"+filepath.Base(filepath.Dir(folder))+"-"+filepath.Base(folder))
	return bin, command(ctx, folder, "env", "CGO_ENABLED=1", "go", "build", "-o", bin, ".")
}
