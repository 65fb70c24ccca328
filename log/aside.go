package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// asideName is a name for a file that is set aside, which no other has: a
// rename replaces, and what was set aside is never lost (but for torn tails, of
// which the newest stay). The count of unclean
// starts comes first, so that it outlives the start mark (quarantineStarts).
func asideName(fsys vfs.FS, dir, name string, starts uint32) (string, error) {
	for i := 1; ; i++ {
		as := fmt.Sprintf("%s%d-%s", quarantinePrefix, starts, name)
		if i > 1 {
			as = fmt.Sprintf("%s%d-%d-%s", quarantinePrefix, starts, i, name)
		}
		_, err := fsys.Size(path.Join(dir, as))
		if errors.Is(err, fs.ErrNotExist) {
			return as, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// setAside renames a file so that it is never looked at again, and says to what.
func setAside(fsys vfs.FS, dir, name string, starts uint32) (string, error) {
	as, err := asideName(fsys, dir, name, starts)
	if err == nil {
		err = fsys.Rename(path.Join(dir, name), path.Join(dir, as))
	}
	if err != nil {
		return "", fmt.Errorf("set %s aside: %w", name, err)
	}
	return as, nil
}

// quarantineStarts is the count of unclean starts that a name of asideName
// holds; 0 for any other name.
func quarantineStarts(name string) uint32 {
	rest, ok := strings.CutPrefix(name, quarantinePrefix)
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
