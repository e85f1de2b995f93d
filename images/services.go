package images

import "github.com/silo-os/silo/images/initramfs"

// services are the names of ports that programs use and Go does not know by itself, as IANA has them. The whole register
// is 13,000 lines.
func services() initramfs.File {
	return initramfs.File{Path: "etc/services", Mode: 0o644, Data: []byte(`# names of ports, as registered with IANA
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
http 80/tcp www
http 80/udp
kerberos 88/tcp
kerberos 88/udp
pop3 110/tcp
ntp 123/udp
imap 143/tcp imap2
snmp 161/udp
ldap 389/tcp
https 443/tcp
https 443/udp
submissions 465/tcp
syslog 514/udp
submission 587/tcp
ldaps 636/tcp
imaps 993/tcp
pop3s 995/tcp
mqtt 1883/tcp
nfs 2049/tcp
etcd-client 2379/tcp
etcd-server 2380/tcp
mysql 3306/tcp
nats 4222/tcp
xmpp-client 5222/tcp
postgresql 5432/tcp
amqp 5672/tcp
amqps 5671/tcp
redis 6379/tcp
secure-mqtt 8883/tcp
`)}
}
