package report

import "github.com/dustin/go-humanize"

// Slope is the least-squares line through readings of the steps' memory: bytes per socket, nil without two readings. A
// reading of 0 is none.
func Slope(steps []Step, read func(Step) int64) *float64 {
	var n, sx, sy, sxx, sxy float64
	for _, s := range steps {
		if read(s) == 0 {
			continue
		}
		x, y := float64(s.Sockets), float64(read(s))
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n < 2 {
		return nil
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return &slope
}

// Resident reads the server's own memory, Kernel the kernel's.
func Resident(s Step) int64 { return s.RSSBytes }
func Kernel(s Step) int64   { return s.KernelBytes }

// manySockets is how many sockets a machine of 512 MB is meant to hold.
const manySockets = 40_000

func (i *Idle) write(line lineFunc, start int64) {
	for _, s := range i.Steps {
		line("memory", "%s sockets: %s", humanize.Comma(int64(s.Sockets)), size(s.RSSBytes))
	}
	if i.BytesPerSocket != nil {
		line("slope", "%.2f KB per socket", *i.BytesPerSocket/1024)
	}
	if i.KernelPerSocket != nil {
		line("kernel", "%.2f KB more per socket, other processes included", *i.KernelPerSocket/1024)
	}
	if i.KernelObjects > 0 && i.BytesPerSocket != nil {
		own, kernel := int64(manySockets**i.BytesPerSocket), manySockets*i.KernelObjects
		line("- objects", "%.2f KB of one socket without its buffers", float64(i.KernelObjects)/1024)
		line("worked out", "%s sockets: %s at the start + %s + %s of objects in the kernel = %s", humanize.Comma(manySockets), size(start),
			size(own), size(kernel), size(start+own+kernel))
	}
	line("idle", "%.1f s%s, then %s resident", i.HoldSeconds, serverCPU(i.HoldCPUSeconds), size(i.RSSBytesAfter))
}
