//go:build linux

package forwardauth_test

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// proxies are those whose shipped configuration runs here. Each starts one
// before an application and a Gatehouse (host:port each), and returns its URL.
var proxies = map[string]func(t *testing.T, gatehouse, application string) string{
	"nginx": startNginx,
	"caddy": startCaddy,
}

// startNginx includes examples/nginx/gatehouse.conf, with other addresses.
func startNginx(t *testing.T, gatehouse, application string) string {
	t.Helper()
	dir, listen := t.TempDir(), freeAddress(t)
	shipped := replaceAll(t, readFile(t, "../../examples/nginx/gatehouse.conf"), map[string]string{
		"server 127.0.0.1:8080;": "server " + gatehouse + ";",
		"server 127.0.0.1:9000;": "server " + application + ";",
		"listen 127.0.0.1:8443;": "listen " + listen + ";",
	})
	writeFile(t, filepath.Join(dir, "gatehouse.conf"), shipped)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // the test's folders are the test's alone
	}
	writeFile(t, filepath.Join(dir, "nginx.conf"), user+fmt.Sprintf(`
daemon off;
master_process off;
error_log stderr warn;
pid %[1]s/pid;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    include %[1]s/gatehouse.conf;
}
`, dir))
	run(t, listen, nil, "nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	return "http://" + listen
}

// startCaddy runs examples/caddy/Caddyfile as it is shipped, without the admin
// endpoint.
func startCaddy(t *testing.T, gatehouse, application string) string {
	t.Helper()
	dir, listen := t.TempDir(), freeAddress(t)
	shipped := replaceAll(t, readFile(t, "../../examples/caddy/Caddyfile"), map[string]string{
		"\n{\n": "\n{\n\tadmin off\n",
	})
	writeFile(t, filepath.Join(dir, "Caddyfile"), shipped)
	run(t, listen, []string{
		"SITE=http://" + listen, "GATEHOUSE=" + gatehouse, "APPLICATION=" + application,
		"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_DATA_HOME=" + dir,
	}, "caddy", "run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile"))
	return "http://" + listen
}

// run starts a proxy, waits until it listens, and ends it with the test.
func run(t *testing.T, listen string, env []string, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install the Debian package %s", err, name)
	}
	var log syncBuffer
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the test is killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		err := <-exited
		if t.Failed() {
			t.Logf("%s ended with %v, and had said:\n%s", name, err, log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("%s ended: %v", name, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", name, err)
		}
	}
}

// syncBuffer is written by a process and read by the test.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// freeAddress is one that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// replaceAll fails the test if the shipped text does not have what is to be
// replaced, exactly once.
func replaceAll(t *testing.T, text string, changes map[string]string) string {
	t.Helper()
	for old, replacement := range changes {
		if n := strings.Count(text, old); n != 1 {
			t.Fatalf("the shipped configuration has %q %d times, the test needs it once", old, n)
		}
		text = strings.Replace(text, old, replacement, 1)
	}
	return text
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
