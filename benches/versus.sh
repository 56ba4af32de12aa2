#!/usr/bin/env bash
# Compares cxr with the programs that people use in its place, on generated files and over loopback
# only. Prints Markdown tables: medians of rounds in which all programs take turns, and the ratios to
# cxr.
set -euo pipefail

size=384 rounds=5 count=12 place=${TMPDIR:-/tmp} only='verify file cold http https extract one' cxr=

usage() {
    cat <<'USAGE'
usage: benches/versus.sh [--size MIB] [--rounds N] [--count N] [--dir DIR]
       [--only WORDS] [--cxr PROGRAM]

  --size MIB     size of each file (384)
  --rounds N     rounds, after one that is not counted (5)
  --count N      files (12)
  --dir DIR      where to put them; needs twice their size; best in memory: /dev/shm
  --only WORDS   some of: verify file cold http https extract one (all)
  --cxr PROGRAM  the program to measure, in place of a release build of this checkout

Programs that are not installed are left out. On Debian:
  apt-get install aria2 coreutils curl libarchive-tools nginx-light openssl pngcheck python3 rclone time wget2

`extract` and `one` extract archives of the same size, at most four, of NIH's images. cxr checks images
only of archives that it knows; a program of the feature `benchmarks` takes those here for NIH's:
  cargo build --release --locked --features benchmarks
USAGE
}

while (($#)); do
    case $1 in
        --size) size=$2 ;;
        --rounds) rounds=$2 ;;
        --count) count=$2 ;;
        --dir) place=$2 ;;
        --only) only=$2 ;;
        --cxr) cxr=$(realpath "$2") ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift 2
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:/usr/sbin:/sbin"
if [[ -z $cxr ]]; then
    cargo build --release --locked --quiet --features benchmarks
    cxr=$PWD/target/release/cxr
fi

work=$(mktemp -d "$place/cxr-versus.XXXXXX")
cleanup() {
    [[ -s $work/nginx.pid ]] && kill "$(<"$work/nginx.pid")" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

has() { type -P "$1" >/dev/null; }
say() { printf '%s\n' "$*" >&2; }

# Files that cannot be compressed, all different.
make_files() {
    mkdir "$work/source"
    local number name
    for number in $(seq -f %03g "$count"); do
        name=$work/source/images_$number.tar.gz
        openssl enc -aes-128-ctr -K "$(printf '%032d' "$((10#$number))")" -iv 00 -in /dev/zero 2>/dev/null |
            head -c "${size}M" >"$name" || [[ -s $name ]]
    done
    (cd "$work/source" && md5sum -- *) >"$work/MD5SUMS"
}

# Two servers of the same files on loopback, on free ports.
serve() {
    local port tls
    port=$(free_port) tls=$(free_port)
    make_certificate
    cat >"$work/nginx.conf" <<CONFIGURATION
pid $work/nginx.pid;
error_log $work/nginx.log;
worker_processes auto;
events { worker_connections 512; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    autoindex on;
    root $work/source;
    client_body_temp_path $work/nginx-body;
    proxy_temp_path $work/nginx-proxy;
    fastcgi_temp_path $work/nginx-fastcgi;
    uwsgi_temp_path $work/nginx-uwsgi;
    scgi_temp_path $work/nginx-scgi;
    server { listen 127.0.0.1:$port; }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate $work/certificate.pem;
        ssl_certificate_key $work/key.pem;
    }
}
CONFIGURATION
    # Where root starts it, its workers must be able to read what only root may.
    ((EUID)) || sed -i '1i user root;' "$work/nginx.conf"
    nginx -c "$work/nginx.conf" 2>>"$work/nginx.log"
    http=http://127.0.0.1:$port https=https://localhost:$tls
    local scheme base name
    for scheme in http https; do
        base=${!scheme}
        for name in "$work"/source/*; do
            echo "$base/${name##*/}"
        done >"$work/urls.$scheme"
        # aria2 reads the checksum of each from the line below its address.
        while read -r md5 name; do
            printf '%s/%s\n checksum=md5=%s\n' "$base" "$name" "$md5"
        done <"$work/MD5SUMS" >"$work/aria2.$scheme"
    done
}

# An authority of our own, and a certificate that it has signed.
make_certificate() {
    local new=(openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    "${new[@]}" -x509 -days 2 -subj '/CN=cxr versus' -keyout "$work/authority.key" -out "$work/authority.pem"
    "${new[@]}" -subj /CN=localhost -keyout "$work/key.pem" -out "$work/request.pem"
    openssl x509 -req -days 2 -in "$work/request.pem" -CA "$work/authority.pem" -CAkey "$work/authority.key" \
        -extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) -out "$work/certificate.pem"
} 2>/dev/null

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

declare -A walls cpus peaks titles
order=()

# contestant KEY TITLE PROGRAMS COMMAND: one that takes part where its programs are installed.
contestant() {
    local program
    for program in $3; do
        has "$program" || { say "left out: $program is not installed"; return; }
    done
    order+=("$1")
    titles[$1]=$2
    commands[$1]=$4
}

# Runs a command in a shell and keeps its wall seconds, processor seconds and peak KiB.
measure() {
    local key=$1 counts=$2 result
    if ! command time -f '%e %U %S %M' -o "$work/time" bash -c "set -euo pipefail; ${commands[$key]}" \
        >"$work/out" 2>&1 </dev/null; then
        say "${titles[$key]} failed:"
        tail -n 5 "$work/out" >&2
        exit 1
    fi
    ((counts)) || return 0
    result=$(tail -n 1 "$work/time")
    read -r wall user system peak <<<"$result"
    walls[$key]+="$wall "
    cpus[$key]+="$(awk -v u="$user" -v s="$system" 'BEGIN { print u + s }') "
    peaks[$key]+="$peak "
}

median() {
    tr ' ' '\n' <<<"$1" | grep . | sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# compete TITLE PREPARE CHECK: all contestants in turns, then the table.
compete() {
    local title=$1 prepare=$2 check=$3 round key
    for round in $(seq 0 "$rounds"); do
        for key in "${order[@]}"; do
            "$prepare"
            measure "$key" "$round"
            "$check"
        done
    done
    printf '\n%s\n\n| | wall s | CPU s | peak MiB | beside cxr |\n| --- | ---: | ---: | ---: | ---: |\n' "$title"
    local base
    base=$(median "${walls[${order[0]}]}")
    for key in "${order[@]}"; do
        awk -v title="${titles[$key]}" -v wall="$(median "${walls[$key]}")" -v cpu="$(median "${cpus[$key]}")" \
            -v peak="$(median "${peaks[$key]}")" -v base="$base" 'BEGIN {
                printf "| %s | %.2f | %.2f | %.0f | %.2f |\n", title, wall, cpu, peak / 1024, (base > 0) ? wall / base : 0
            }'
    done
    walls=() cpus=() peaks=() titles=() order=() commands=()
}

nothing() { :; }
fresh() { rm -rf "$work/target" && mkdir "$work/target"; }
whole() { (cd "$work/target" && md5sum --quiet --check "$work/MD5SUMS") || { say "wrong bytes"; exit 1; }; }
cold() { sync && echo 3 >/proc/sys/vm/drop_caches; }

verify_contestants() {
    local verify="cd '$work/source' && '$cxr' verify --quiet --checksums '$work/MD5SUMS'"
    contestant cxr '`cxr verify`' bash "$verify"
    contestant avx2 '`cxr verify`, AVX-512 hidden' bash "export CXR_HIDE_SIMD=avx512; $verify"
    contestant sse2 '`cxr verify`, AVX2 hidden too' bash "export CXR_HIDE_SIMD=avx512,avx2; $verify"
    contestant md5sum '`md5sum -c`' md5sum "cd '$work/source' && md5sum --quiet -c '$work/MD5SUMS'"
    contestant xargs '`xargs -P2 md5sum`' xargs "cd '$work/source' && ls | xargs -n1 -P2 md5sum"
    contestant openssl '`openssl dgst -md5`' openssl "cd '$work/source' && openssl dgst -md5 *"
    contestant rclone '`rclone checksum md5`' rclone "rclone checksum md5 '$work/MD5SUMS' '$work/source'"
}

one_file_contestants() {
    local one=images_001.tar.gz
    contestant cxr '`cxr verify`' bash "cd '$work/source' && '$cxr' verify -q $one --checksums '$work/MD5SUMS'"
    contestant md5sum '`md5sum`' md5sum "cd '$work/source' && md5sum $one"
}

cold_contestants() {
    contestant cxr '`cxr verify`' bash "cd '$work/source' && '$cxr' verify -q --checksums '$work/MD5SUMS'"
    contestant cat '`cat FILES >/dev/null`' cat "cat '$work'/source/* >/dev/null"
}

# fetch_contestants SCHEME
fetch_contestants() {
    local base=${!1} urls=$work/urls.$1 ca=
    [[ $1 == https ]] && ca=$work/authority.pem
    local enter="cd '$work/target'"
    contestant cxr '`cxr fetch`, verified' bash \
        "$enter && '$cxr' fetch -q --checksums '$work/MD5SUMS' --from $base ${ca:+--cacert $ca}"
    contestant wget2 '`wget2 --max-threads=12`' wget2 \
        "$enter && wget2 --no-config -q --max-threads=12 ${ca:+--ca-certificate=$ca} -i '$urls'"
    contestant curl '`curl -Z`' curl \
        "$enter && xargs printf 'url=%s\nremote-name\n' <'$urls' | curl -sSf -Z ${ca:+--cacert $ca} -K -"
    contestant rclone '`rclone copy --transfers 12`' rclone \
        "$enter && rclone copy --config /dev/null --http-url $base ${ca:+--ca-cert $ca} --transfers 12 --ignore-checksum --files-from <(cut -c35- '$work/MD5SUMS') :http: ."
    contestant aria2 '`aria2c -j12 -x1`' aria2c \
        "$enter && aria2c -q --no-conf -j12 -x1 --file-allocation=none ${ca:+--ca-certificate=$ca} -i '$urls'"
    contestant aria2md5 '`aria2c -j12 -x1` with checksums' aria2c \
        "$enter && aria2c -q --no-conf -j12 -x1 --file-allocation=none ${ca:+--ca-certificate=$ca} -i '$work/aria2.$1'"
    contestant curlmd5 '`curl -Z`, then `md5sum -c`' curl \
        "$enter && xargs printf 'url=%s\nremote-name\n' <'$urls' | curl -sSf -Z ${ca:+--cacert $ca} -K - && md5sum --quiet -c '$work/MD5SUMS'"
}

# Archives of NIH's images, of which each occurs many times. Every second archive has the same pixels,
# compressed by other means, so that gzip does not store them as they are.
make_archives() {
    mkdir "$work/archives"
    python3 - "$work/archives" "$size" "$((count < 4 ? count : 4))" <<'PYTHON'
import gzip, hashlib, io, struct, sys, tarfile, zlib
from multiprocessing import Pool
from pathlib import Path

folder, size, count = Path(sys.argv[1]), int(sys.argv[2]) << 20, int(sys.argv[3])
originals = [path.read_bytes() for path in sorted(Path("tests/data/png").glob("*.png"))]
per_patient = Path("checksums/images_per_patient.bin").read_bytes()
names = [f"{patient:08}_{image:03}.png" for patient, images in enumerate(per_patient, 1) for image in range(images)]

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def encoded_again(png):
    chunks, position = [], 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        chunks.append((png[position + 4 : position + 8], png[position + 8 : position + 8 + length]))
        position += 12 + length
    rows = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    fixed = zlib.compressobj(6, zlib.DEFLATED, 15, 8, zlib.Z_FIXED)
    data = fixed.compress(rows) + fixed.flush()
    pieces = [chunk(b"IDAT", data[at : at + 8192]) for at in range(0, len(data), 8192)]
    return png[:8] + chunk(*chunks[0]) + b"".join(pieces) + chunk(b"IEND", b"")

def make(job):
    number, images, names = job
    path = folder / f"images_{number + 1:03}.tar.gz"
    with gzip.open(path, "wb", 6) as file, tarfile.open(fileobj=file, mode="w|") as tar:
        for index, name in enumerate(names):
            image = images[index % len(images)]
            member = tarfile.TarInfo(f"images/{name}")
            member.size = len(image)
            tar.addfile(member, io.BytesIO(image))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest(), path.name

jobs, start = [], 0
for number in range(count):
    images = originals if number % 2 == 0 else [encoded_again(png) for png in originals]
    end = start + size * len(images) // sum(map(len, images))
    jobs.append((number, images, names[start:end]))
    start = end
with Pool() as pool:
    sums = pool.map(make, jobs, 1)
places = [(len(job[2]), names.index(job[2][0])) for job in jobs]
(folder / "MD5SUMS").write_text("".join(f"{md5}  {name}\n" for md5, name in sums))
(folder / "inventory").write_text(";".join(f"{md5}={start}..{start + n}" for (md5, _), (n, start) in zip(sums, places)))
(folder / "number").write_text(str(start))
PYTHON
    export CXR_FAULT_INVENTORY
    CXR_FAULT_INVENTORY=$(<"$work/archives/inventory")
    fresh
    # It says images where it has checked them.
    local said what=MD5
    said=$("$cxr" extract -q -d "$work/archives" --to "$work/target" --checksums "$work/archives/MD5SUMS" 1)
    [[ $said == *images\ in* ]] && what='MD5 and every PNG checked'
    extract_title="\`cxr extract\`, $what"
}

extract_contestants() {
    local enter="cd '$work/archives'" into=$work/target
    local bsdtar="ls *.gz | xargs -n1 -P2 bsdtar -C '$into' -xf"
    contestant cxr "$extract_title" bash "$enter && '$cxr' extract -q -d . --to '$into' --checksums MD5SUMS"
    contestant bsdtar '`xargs -P2 bsdtar -xf`, no check' bsdtar "$enter && $bsdtar"
    contestant best '`cxr verify`, then both with `xargs -P2`: `bsdtar`, `pngcheck`' 'bsdtar pngcheck' \
        "$enter && '$cxr' verify -q --checksums MD5SUMS && $bsdtar && cd '$into' && find . -name '*.png' -print0 | xargs -0 -n40 -P2 pngcheck -q"
    contestant usual '`md5sum -c`, `tar xzf` one by one, `pngcheck`' 'md5sum tar pngcheck' \
        "$enter && md5sum --quiet -c MD5SUMS && for archive in *.gz; do tar -C '$into' -xzf \$archive; done && cd '$into' && find . -name '*.png' -print0 | xargs -0 -n40 pngcheck -q"
}

one_archive_contestants() {
    local enter="cd '$work/archives'" one=images_001.tar.gz
    contestant cxr "$extract_title" bash "$enter && '$cxr' extract -q -d . --to '$work/target' --checksums MD5SUMS 1"
    contestant verify '`cxr verify`' bash "$enter && '$cxr' verify -q $one --checksums MD5SUMS"
    contestant bsdtar '`bsdtar -xf`' bsdtar "$enter && bsdtar -C '$work/target' -xf $one"
}

all_images() {
    [[ $(find "$work/target" -name '*.png' | wc -l) == "$(<"$work/archives/number")" ]] || { say "images are missing"; exit 1; }
}

machine() {
    printf '%s × %s MiB in %s, medians of %s rounds in turns; %s cores, %s, Linux %s.\n' "$count" "$size" \
        "$(stat -f -c %T "$work")" "$rounds" "$(nproc)" \
        "$(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(uname -r | cut -d- -f1)"
}

declare -A commands
wanted() { [[ " $only " == *" $1 "* ]]; }
machine
if wanted verify || wanted file || wanted cold || wanted http || wanted https; then
    say "making $count files of $size MiB in $work"
    make_files
    serve
fi
if wanted verify; then
    verify_contestants
    compete 'Verify, in the page cache:' nothing nothing
fi
if wanted file; then
    one_file_contestants
    compete 'One file:' nothing nothing
fi
if wanted cold && [[ $(stat -f -c %T "$work") != tmpfs && -w /proc/sys/vm/drop_caches ]]; then
    cold_contestants
    compete 'Verify, from the disk, the page cache dropped before each run:' cold nothing
fi
for scheme in http https; do
    wanted "$scheme" || continue
    fetch_contestants "$scheme"
    compete "Fetch over ${scheme^^} from nginx on loopback:" fresh whole
done
if wanted extract || wanted one; then
    rm -rf "$work/source"
    make_archives
    if wanted extract; then
        extract_contestants
        compete "Extract $(ls "$work"/archives/*.gz | wc -l) archives, $(<"$work/archives/number") images:" fresh all_images
    fi
    if wanted one; then
        one_archive_contestants
        compete 'One archive whose images are stored:' fresh nothing
    fi
fi
