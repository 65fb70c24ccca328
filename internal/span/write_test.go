package span

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mainstem-mq/mainstem/internal/clock"
	"github.com/mainstem-mq/mainstem/internal/vfs"
)

// tcpPair returns the two ends of a loopback connection.
func tcpPair(tb testing.TB) (client, server *net.TCPConn) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	dialled, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = dialled.Close()
		_ = accepted.Close()
	})
	client, okC := dialled.(*net.TCPConn)
	server, okS := accepted.(*net.TCPConn)
	if !okC || !okS {
		tb.Fatal("not TCP")
	}
	return client, server
}

// fileOf makes a file of random content.
func fileOf(t *testing.T, disk vfs.FS, name string, size int) (vfs.File, []byte) {
	t.Helper()
	data := make([]byte, size)
	rng := rand.New(rand.NewPCG(7, uint64(size)))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	f, err := disk.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, data
}

// mixed makes a list of memory and file spans of all sizes and what it holds.
func mixed(seed uint64, f vfs.File, data []byte) (*List, []byte) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var l List
	var want []byte
	for range 60 {
		size := 1 + rng.IntN(1<<rng.IntN(18))
		switch rng.IntN(4) {
		case 0:
			off := rng.IntN(len(data) - size)
			l.AddFile(f, int64(off), size)
			want = append(want, data[off:off+size]...)
		case 1: // a run of many small slices
			for range rng.IntN(1500) {
				b := []byte{byte(rng.Uint32()), 1, 2}
				l.AddMem(b)
				want = append(want, b...)
			}
		default:
			b := bytes.Repeat([]byte{byte(rng.Uint32())}, size)
			l.AddMem(b)
			want = append(want, b...)
		}
	}
	return &l, want
}

// plain hides everything of a connection but Write, as TLS does.
type plain struct{ io.Writer }

func TestWriteToGivesTheSameBytesEverywhere(t *testing.T) {
	real, realData := fileOf(t, vfs.OS{}, filepath.Join(t.TempDir(), "f"), 1<<19)
	mem, memData := fileOf(t, vfs.NewMem(), "/f", 1<<19)
	for _, c := range []struct {
		name string
		file vfs.File
		data []byte
		hide bool
	}{
		{"socket, real file", real, realData, false},
		{"socket, file without descriptor", mem, memData, false},
		{"no socket, real file", real, realData, true},
		{"no socket, file without descriptor", mem, memData, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(6) {
				client, server := tcpPair(t)
				l, want := mixed(seed, c.file, c.data)
				read := make(chan []byte, 1)
				go func() {
					got, _ := io.ReadAll(client)
					read <- got
				}()
				var w io.Writer = server
				if c.hide {
					w = plain{server}
				}
				n, err := l.WriteTo(w)
				if err != nil || n != int64(len(want)) || l.Len() != len(want) {
					t.Fatalf("wrote %d of %d (list says %d): %v", n, len(want), l.Len(), err)
				}
				_ = server.Close()
				if got := <-read; !bytes.Equal(got, want) {
					t.Fatalf("seed %d: other bytes arrived (%d of %d)", seed, len(got), len(want))
				}
			}
		})
	}
}

// Two answers read the same descriptor at once, to clients that read slowly in
// small pieces, so that writes are partial.
func TestTwoSlowReadersOfOneFile(t *testing.T) {
	f, data := fileOf(t, vfs.OS{}, filepath.Join(t.TempDir(), "f"), 16<<20) // more than the socket buffers hold
	var wg sync.WaitGroup
	for k := range 2 {
		client, server := tcpPair(t)
		from := k * 12345
		wg.Go(func() {
			defer func() { _ = server.Close() }()
			w := NewWriter(server, clock.Real{}.Now, time.Minute)
			var l List
			l.AddMem([]byte("head"))
			l.AddFile(f, int64(from), len(data)-from)
			if n, err := w.WriteList(&l); err != nil || n != int64(l.Len()) {
				t.Errorf("wrote %d of %d: %v", n, l.Len(), err)
			}
		})
		wg.Go(func() {
			var got []byte
			piece := make([]byte, 3000)
			for {
				n, err := client.Read(piece)
				got = append(got, piece[:n]...)
				if err != nil {
					break
				}
			}
			if want := append([]byte("head"), data[from:]...); !bytes.Equal(got, want) {
				t.Errorf("reader %d got other bytes", k)
			}
		})
	}
	wg.Wait()
}

func TestTruncatedFileIsAnError(t *testing.T) {
	real, data := fileOf(t, vfs.OS{}, filepath.Join(t.TempDir(), "f"), 100)
	mem, _ := fileOf(t, vfs.NewMem(), "/f", 100)
	for name, f := range map[string]vfs.File{"sendfile": real, "copy": mem} {
		_, server := tcpPair(t)
		var l List
		l.AddMem([]byte("head"))
		l.AddFile(f, 40, 100)
		n, err := l.WriteTo(server)
		if !errors.Is(err, io.ErrUnexpectedEOF) || n > int64(4+len(data)-40) {
			t.Errorf("%s: wrote %d, %v", name, n, err)
		}
	}
}

func TestDiskErrorIsReported(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem(), nil)
	f, _ := fileOf(t, disk, "/f", 100)
	disk.SetHook(vfs.FailFrom(1, vfs.KindRead, vfs.ErrIO))
	var l List
	l.AddFile(f, 0, 100)
	if n, err := l.WriteTo(io.Discard); n != 0 || !errors.Is(err, vfs.ErrIO) {
		t.Fatalf("wrote %d, %v", n, err)
	}
}

func TestClosedClientIsAnError(t *testing.T) {
	client, server := tcpPair(t)
	_ = client.SetLinger(0)
	_ = client.Close()
	var l List
	l.AddMem(make([]byte, 64<<20))
	if n, err := l.WriteTo(server); err == nil || n >= int64(l.Len()) {
		t.Fatalf("wrote %d bytes to a closed client, %v", n, err)
	}
}

// The clock of these tests stands in 1970, so that a deadline, once set, has
// passed already, and in 2200, so that it never does.
func TestClientWithoutProgressTimesOut(t *testing.T) {
	past := clock.NewManual(time.Unix(0, 0))
	for name, hide := range map[string]bool{"socket": false, "no socket": true} {
		_, server := tcpPair(t) // nobody reads
		var w io.Writer = server
		if hide {
			w = struct {
				io.Writer
				deadliner
			}{server, server}
		}
		var l List
		l.AddMem(make([]byte, 32<<20))
		n, err := NewWriter(w, past.Now, time.Minute).WriteList(&l)
		if !errors.Is(err, os.ErrDeadlineExceeded) || n >= int64(l.Len()) {
			t.Errorf("%s: wrote %d of %d, %v", name, n, l.Len(), err)
		}
	}
}

func TestAnswerThatFitsNeedsNoDeadline(t *testing.T) {
	_, server := tcpPair(t)
	w := NewWriter(server, clock.NewManual(time.Unix(0, 0)).Now, time.Minute)
	var l List
	l.AddMem([]byte("small"))
	for range 3 {
		if _, err := w.WriteList(&l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeadlineIsClearedAfterASlowAnswer(t *testing.T) {
	client, server := tcpPair(t)
	future := clock.NewManual(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC))
	spy := &deadlineSpy{TCPConn: server}
	w := NewWriter(spy, future.Now, time.Minute)
	var l List
	l.AddMem(make([]byte, 16<<20))
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, client, int64(l.Len()))
		done <- err
	}()
	if _, err := w.WriteList(&l); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(spy.set); n > 0 && !spy.set[n-1].IsZero() {
		t.Fatalf("the deadline %v was left behind", spy.set[n-1])
	}
}

type deadlineSpy struct {
	*net.TCPConn
	set []time.Time
}

func (s *deadlineSpy) SetWriteDeadline(t time.Time) error {
	s.set = append(s.set, t)
	if s.TCPConn == nil {
		return nil
	}
	return s.TCPConn.SetWriteDeadline(t)
}

func TestStallGuardRenewsAsBytesMove(t *testing.T) {
	m := clock.NewManual(time.Unix(1000, 0))
	spy := &deadlineSpy{}
	g := stallGuard{conn: spy, now: m.Now, limit: 80 * time.Second}
	check := func(what string, want ...int) {
		t.Helper()
		if len(spy.set) != len(want) {
			t.Fatalf("%s: %d deadlines, want %d", what, len(spy.set), len(want))
		}
		for i, sec := range want {
			if sec == 0 && !spy.set[i].IsZero() || sec != 0 && spy.set[i].Unix() != int64(sec) {
				t.Fatalf("%s: deadline %d is %v", what, i, spy.set[i])
			}
		}
	}
	step := func() {
		t.Helper()
		if err := g.begin(); err != nil {
			t.Fatal(err)
		}
	}
	g.progress()
	check("nothing blocked yet")
	step()
	check("first block", 1090)
	m.Advance(5 * time.Second)
	g.progress()
	step()
	check("progress within the slack", 1090) // 85 s from here, still at least 80
	m.Advance(5 * time.Second)
	step()
	check("no progress", 1090)
	g.progress()
	step()
	check("progress", 1090, 1100)
	if err := g.end(); err != nil {
		t.Fatal(err)
	}
	check("end", 1090, 1100, 0)
}

func TestWriterDoesNotAllocate(t *testing.T) {
	f, _ := fileOf(t, vfs.OS{}, filepath.Join(t.TempDir(), "f"), 64<<10)
	client, server := tcpPair(t)
	go func() {
		piece := make([]byte, 64<<10)
		for {
			if _, err := client.Read(piece); err != nil {
				return
			}
		}
	}()
	w := NewWriter(server, clock.Real{}.Now, time.Minute)
	var l List
	head := make([]byte, 50)
	n := testing.AllocsPerRun(100, func() {
		for range 20 {
			l.AddMem(head)
			l.AddMem(head)
			l.AddFile(f, 100, 1000)
		}
		if _, err := w.WriteList(&l); err != nil {
			t.Error(err)
		}
		l.Release()
	})
	if n > 1 { // the reader and the runtime may have one now and then
		t.Fatalf("an answer costs %v allocations", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	const size = 1 << 20
	f, err := vfs.OS{}.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	data := make([]byte, size)
	if _, err := f.WriteAt(data, 0); err != nil {
		b.Fatal(err)
	}
	for name, add := range map[string]func(l *List){
		"memory": func(l *List) { l.AddMem(data) },
		"file":   func(l *List) { l.AddFile(f, 0, size) },
		"runs of 64 KiB": func(l *List) {
			for off := int64(0); off < size; off += 64 << 10 {
				l.AddMem(data[:60])
				l.AddFile(f, off, 64<<10)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			client, server := tcpPair(b)
			go func() { _, _ = io.Copy(io.Discard, client) }()
			w := NewWriter(server, clock.Real{}.Now, time.Minute)
			var l List
			b.SetBytes(size)
			for b.Loop() {
				l.AddMem(data[:60])
				add(&l)
				if _, err := w.WriteList(&l); err != nil {
					b.Fatal(err)
				}
				l.Release()
			}
		})
	}
}
