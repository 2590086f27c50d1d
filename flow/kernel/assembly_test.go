package kernel_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/gradflow/gradflow/flow/kernel"
)

// TestTwinForced starts itself again with GRADFLOW_NOASM=1, which is read once
// at start, and asserts there that the twin runs.
func TestTwinForced(t *testing.T) {
	if os.Getenv("GRADFLOW_NOASM") == "1" {
		if kernel.UsesAssembly() {
			t.Fatal("GRADFLOW_NOASM=1 did not select the twin")
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(self, "-test.run=^TestTwinForced$", "-test.v")
	cmd.Env = append(os.Environ(), "GRADFLOW_NOASM=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTwinForced") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestDetection compares the CPU's own answer with the system's.
func TestDetection(t *testing.T) {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" || os.Getenv("GRADFLOW_NOASM") == "1" || !assemblyBuilt {
		if kernel.UsesAssembly() && !assemblyBuilt {
			t.Fatal("assembly in a build without it")
		}
		t.Skip("no assembly in this build")
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	has := map[string]bool{}
	for _, line := range strings.Split(string(info), "\n") {
		if strings.HasPrefix(line, "flags") {
			for _, f := range strings.Fields(line) {
				has[f] = true
			}
		}
	}
	if want := has["avx2"] && has["fma"]; kernel.UsesAssembly() != want {
		t.Errorf("assembly = %v, and the CPU has AVX2: %v, FMA: %v", kernel.UsesAssembly(), has["avx2"], has["fma"])
	}
}
