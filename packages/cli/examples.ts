// Owns the examples at the end of each command's --help: what people mostly want, ready to be copied.

/** By the words of the command. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  ironbark: `Start here:
  ironbark up                      install what is missing, start, build the first image
  ironbark launch --name web       an instance with your key, ready for ssh
  ironbark ssh web                 a shell in it
  eval "$(ironbark env)"           then any AWS client: aws ec2 describe-instances
  ironbark down                    stop everything; data stays
  ironbark COMMAND --help          more about one of them`,

  'ironbark up': `Root gives guests addresses of their own on a bridge. Without root it works too: guests are then reached
through forwarded ports, and do not reach each other.

Examples:
  ironbark up --yes                            for scripts: never asks
  ironbark --data-dir ~/second up              a second cloud beside the first
  ironbark up --volume-devices /dev/sdb,/dev/sdc    empty disks, each for a volume that asks for it
  ironbark up --ceph-pool volumes              for volumes in a Ceph cluster
  ironbark up --public-addresses 192.0.2.0/24  elastic addresses that the site's routers lead here
  ironbark up --hypervisor simulated           the APIs alone: instances are only pretended`,

  'ironbark down': `Examples:
  ironbark down                    guests are asked to power off, and start again with the next up
  ironbark down --keep-guests      to update Ironbark itself: guests do not notice`,

  'ironbark nodes': `Examples:
  ironbark nodes                       the hosts of this cloud, and what they have
  ironbark nodes token                 the line to type on another host, and its token
  ironbark nodes drain shelf-2         before it is repaired: no new instances
  ironbark nodes remove shelf-2        once its instances are terminated, or stopped with roots on volumes
  ironbark nodes remove shelf-2 --lost its host is gone`,

  'ironbark gateways': `Examples:
  ironbark gateways                              those that were invited, and whether they are there
  ironbark gateways invite east east.gateway     a file for one gateway; carry it over: scp -p
  ironbark gateways remove east                  its certificate is worth nothing from now on`,

  'ironbark gateway': `Examples:
  ironbark gateway east.gateway --host 10.0.0.7              on another host, over the same database and engine
  ironbark gateway east.gateway --port 8780                  on the cloud's own host, beside it
  systemd-run -u objects ironbark gateway /etc/ironbark/east.gateway --host 10.0.0.7`,

  'ironbark nodes token': `Examples:
  ironbark nodes token                            for one host, within an hour
  ironbark nodes token --address 192.168.1.10     where nodes come to, if this host has several addresses
  ironbark nodes token --address 192.168.1.10:9000`,

  'ironbark join': `Examples:
  sudo ironbark join https://192.168.1.10:8774                            asks for the token that "ironbark nodes token" prints
  sudo ironbark join https://192.168.1.10:8774 --token-file token --yes   in a script
  sudo ironbark join https://192.168.1.10:8774 --node-name shelf-2 --underlay 10.0.0.2`,

  'ironbark status': `Examples:
  ironbark status || ironbark up                  start it unless it runs
  ironbark status --json | jq -r .endpoint`,

  'ironbark quotas': `Examples:
  ironbark quotas --account research               what it may have, and what it has of that
  ironbark quotas set L-1216C47A 64 --account research      as many virtual processors may run
  ironbark quotas set L-7A658B76 0.5               half a TiB of gp3 volumes for every other account
  ironbark quotas unset L-1216C47A --account research`,

  'ironbark volumes': `Examples:
  ironbark volumes                     what each volume does in this second
  ironbark volumes --interval 60 --json | jq '.[].figures'      CloudWatch's names for a minute`,

  'ironbark lab explain': `Examples:
  ironbark lab explain vol-0123456789abcdef0            while its guest reads or writes
  ironbark lab explain vol-0123456789abcdef0 --interval 60 --json
  ironbark lab explain i-0123456789abcdef0              its network cards
  ironbark lab explain vol-0123456789abcdef0 --try      what the change would bring, on a copy`,

  'ironbark lab measure': `Workloads:
  dd          blocks of 64 KiB through the page cache, as in the paper; needs nothing but dd
  hadoop      two tasks with records that carry checksums; needs perl
  fio         in order 16 at a time, at random 1 and 16 at a time, past the page cache; needs fio
  testdfsio   Hadoop's own benchmark, two files; needs java and Hadoop, or its jars (--hadoop-jars)

It works in a folder of its own, which is gone afterwards. A file or disk is written over only while it is empty, or with
--destroy; --direction read leaves it alone.

Examples:
  ironbark lab measure i-0123456789abcdef0                        its root disk
  ironbark lab measure web --path /data --repeat 5                where a volume is mounted
  ironbark lab measure web --path /dev/vdb --direction read       a volume as it is
  ironbark lab measure host --path /srv --workload testdfsio --hadoop-jars ~/hadoop --json`,

  'ironbark lab run': `Experiments:
  paper     J. Shafer's tables and figures (WIOV 2010), each row beside the paper's own values

Examples:
  ironbark lab run paper --quick                           the paper's rows and today's defaults
  ironbark lab run paper --profile paper --repeat 3 --out ~/lab      a disk as the paper's, a report with figures
  ironbark lab run paper --rows 'lsi*/write/,ide' --json | jq '.rows[] | {id, mbps, ratio, reason}'`,

  'ironbark lab compare': `Examples:
  ironbark lab compare before/ after/                      the folders of two reports
  ironbark lab compare a.json b.json --out ~/compared      a page with both as bars
  ironbark lab compare a.json b.json --json | jq '.rows[] | select(.verdict == "worse")'`,

  'ironbark lab check': `Examples:
  ironbark lab check run.json --budget lab.budget --write  the budget, from a run that is good
  ironbark lab check run.json --budget lab.budget          1 when a ratio has fallen`,

  'ironbark lab tune': `Examples:
  ironbark lab tune                                        once on a host, when nothing else uses its disk
  ironbark lab tune --dry-run --json`,

  'ironbark metrics': `Examples:
  ironbark metrics > /var/lib/prometheus/node-exporter/ironbark.prom
  curl --unix-socket FOLDER/admin.sock http://localhost/metrics`,

  'ironbark s3': `Examples:
  ironbark s3                      what every bucket holds
  ironbark s3 --json | jq 'map({name, bytes})'`,

  'ironbark env': `Examples:
  eval "$(ironbark env)"           this shell's AWS clients now talk to this cloud
  ironbark env --json              the same for programs`,

  'ironbark purge': `Examples:
  ironbark purge                   asks first
  ironbark --data-dir ~/second purge --yes`,

  'ironbark launch': `Types: those of AWS, as far as this host can hold them:
  aws ec2 describe-instance-types --query 'InstanceTypes[].InstanceType'

Examples:
  ironbark launch --name web --user-data setup.sh
  ironbark launch --image debian-12 --type t3.small      after: ironbark image build debian-12`,

  'ironbark ssh': `Examples:
  ironbark ssh                     when there is just one instance
  ironbark ssh web -- uname -a     what follows -- runs there; its exit code is ours
  ironbark ssh web -- tar -c /etc > etc.tar`,

  'ironbark logs': `Examples:
  ironbark logs -f                 follow the cloud's log: JSON lines
  ironbark logs -n 500 | grep '"level":"error"'
  ironbark logs web                what the instance wrote to its console`,

  'ironbark image': `Examples:
  ironbark image build debian-12
  ironbark image import disk.qcow2 --format qcow2 --name my-image`,

  'ironbark image import': `The format is never guessed: a raw disk can be made to look like any other.

Examples:
  ironbark image import disk.qcow2 --format qcow2 --name my-image --user admin`,

  'ironbark account': `Examples:
  ironbark account add research              prints the root key of the new account, once
  ironbark account add research --json | jq -r .secretAccessKey
  ironbark account list`,

  'ironbark user': `A user without a policy may do nothing but ask who it is (aws sts get-caller-identity).

Examples:
  ironbark user add --account research alice
  ironbark user remove --account research alice`,

  'ironbark key': `A change counts from the next request on.

Examples:
  ironbark key list
  ironbark key add --account research --user alice      then, when the new one is in use:
  ironbark key deactivate AKIA...                       and later: ironbark key remove AKIA...`,

  'ironbark doctor': `Exit code 1 when something is missing that this cloud cannot do without.`,

  'ironbark completion': `Examples:
  eval "$(ironbark completion bash)"                     for this shell; put it into ~/.bashrc for all
  ironbark completion bash > /etc/bash_completion.d/ironbark`,
};
