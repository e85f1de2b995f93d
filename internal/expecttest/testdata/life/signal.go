package main

import "syscall"

const sigstop = syscall.SIGSTOP
