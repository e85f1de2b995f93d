# From GRUB, which speaks Multiboot2, to a kernel that is entered by its PVH note: builds the PVH start info from
# Multiboot's tags and jumps. 32 bits, flat segments, paging and interrupts off, on both sides.
#
# Assembled: as --32 -o stub.o stub.S && ld -m elf_i386 -Ttext=0x100000 --oformat=binary -o stub.bin stub.o
# A test does that again and compares. The Multiboot2 specification, section 3; Xen's public/arch-x86/hvm/start_info.h.

	.code32
	.globl _start
_start:
	jmp	begin
	.balign	4
entry:	.long	0			# the kernel's PVH entry; put in when an image is made, at offset 4

begin:
	cmpl	$0x36d76289, %eax	# Multiboot2 was here
	jne	dead
	cld
	leal	8(%ebx), %esi		# the first tag
next:
	movl	(%esi), %eax		# its type
	testl	%eax, %eax
	jz	done
	cmpl	$1, %eax
	je	cmdline
	cmpl	$3, %eax
	je	module
	cmpl	$6, %eax
	je	memory
skip:
	movl	4(%esi), %eax		# tags start at multiples of 8
	addl	$7, %eax
	andl	$-8, %eax
	addl	%eax, %esi
	jmp	next

cmdline:
	leal	8(%esi), %ecx
	movl	%ecx, info_cmdline
	jmp	skip

module:					# one: the archive
	movl	8(%esi), %ecx
	movl	12(%esi), %edx
	subl	%ecx, %edx
	movl	%ecx, modlist
	movl	%edx, modlist+8
	movl	$modlist, info_modlist
	movl	$1, info_modules
	jmp	skip

memory:					# entries are alike: address, length, type, 4 bytes of nothing
	cmpl	$24, 8(%esi)
	jne	dead
	leal	16(%esi), %ecx
	movl	%ecx, info_memmap
	movl	4(%esi), %eax
	subl	$16, %eax
	xorl	%edx, %edx
	movl	$24, %ecx
	divl	%ecx
	movl	%eax, info_entries
	jmp	skip

done:					# ACPI's root, where a BIOS has it: a copy that a boot loader made would be overwritten
	movl	$0xe0000, %edi
look:
	cmpl	$0x20445352, (%edi)	# "RSD "
	jne	far
	cmpl	$0x20525450, 4(%edi)	# "PTR "
	je	found
far:
	addl	$16, %edi
	cmpl	$0x100000, %edi
	jb	look
	xorl	%edi, %edi
found:
	movl	%edi, info_rsdp
	movl	$info, %ebx
	jmp	*entry

dead:
	hlt
	jmp	dead

	.balign	8
info:		.long	0x336ec578	# magic
		.long	1		# version
		.long	0		# flags
info_modules:	.long	0
info_modlist:	.quad	0
info_cmdline:	.quad	0
info_rsdp:	.quad	0
info_memmap:	.quad	0
info_entries:	.long	0
		.long	0
modlist:	.quad	0, 0, 0, 0	# address, size, command line, nothing
