package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-id/gatehouse/core/store"
)

// children are the programs that tests run in a process of their own, by the
// value of STORE_TEST_CHILD.
var children = map[string]func() int{
	"open":   openOnce,
	"full":   onAFullDisk,
	"ro":     onAReadOnlyDisk,
	"writer": writeUntilKilled,
}

// child prepares such a program. With ownMounts it may mount what nobody else
// sees.
func child(t *testing.T, name, arg string, ownMounts bool) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+name, "STORE_TEST_ARG="+arg)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if ownMounts {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
	}
	return cmd
}

// openOnce opens the database that it is given and says what came of it.
func openOnce() int {
	s, err := store.Open(context.Background(), store.Options{URL: os.Getenv("STORE_TEST_ARG")})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_ = s.Close()
	return 0
}

// smallDisk mounts a disk of 2 MiB in memory on the folder that it is given.
func smallDisk() (dir string) {
	dir = os.Getenv("STORE_TEST_ARG")
	must(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	must(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"))
	return dir
}

func must(err error) {
	if err != nil {
		fmt.Println("setting up:", err)
		os.Exit(2)
	}
}

// onAFullDisk prints what Write and Check say once nothing more fits, and
// whether the store works again when there is room.
func onAFullDisk() int {
	ctx := context.Background()
	dir := smallDisk()
	url := "sqlite://" + filepath.Join(dir, "x.db")
	s, err := store.Open(ctx, store.Options{URL: url})
	must(err)
	must(s.Migrate(ctx))
	ballast := filepath.Join(dir, "ballast")
	fill(ballast)
	big := strings.Repeat("x", 200_000)
	fmt.Println("write:", s.Write(ctx, func(tx *store.Tx) error {
		return put(ctx, tx, big, 1)
	}))
	for range 100 { // the log has some room left at first
		if err = s.Check(ctx); err != nil {
			break
		}
	}
	fmt.Println("check:", err)
	_, err = get(ctx, s, big)
	fmt.Println("kept:", err == nil)
	must(os.Remove(ballast))
	fmt.Println("afterwards:", s.Check(ctx))
	must(s.Close())
	fill(ballast)
	_, err = store.Open(ctx, store.Options{URL: url})
	fmt.Println("open:", err)
	return 0
}

// fill makes a file of all the room that its disk has.
func fill(file string) {
	f, err := os.Create(file)
	must(err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	must(f.Close())
}

// onAReadOnlyDisk prints what Open says of a database that nobody can write.
func onAReadOnlyDisk() int {
	ctx := context.Background()
	dir := smallDisk()
	url := "sqlite://" + filepath.Join(dir, "x.db")
	s, err := store.Open(ctx, store.Options{URL: url})
	must(err)
	must(s.Close())
	must(unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	_, err = store.Open(ctx, store.Options{URL: url})
	fmt.Println("open:", err)
	return 0
}

// writeUntilKilled prints the number of each row when it was acknowledged.
func writeUntilKilled() int {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{URL: os.Getenv("STORE_TEST_ARG")})
	must(err)
	rows := make(chan int)
	for range 8 {
		go func() {
			for i := range rows {
				must(s.Write(ctx, func(tx *store.Tx) error { return put(ctx, tx, fmt.Sprint(i), i) }))
				fmt.Println(i)
			}
		}()
	}
	for i := 0; ; i++ {
		rows <- i
	}
}
