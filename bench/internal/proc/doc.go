// Package proc is what a flood asks the operating system about processes: how much processor time and memory one used, on which
// processors it may run, how many descriptors it may open, and how to start one and end it again.
package proc
