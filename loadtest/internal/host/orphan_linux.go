package host

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel kill the process when the thread that starts it ends, however this process ends.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
