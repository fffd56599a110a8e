//! By which arguments programs run what these name, program by program. Not in it are programs that do little else
//! (`python3`, `timeout`): a rule about them says that already. Nor what makes a program read other files of a project:
//! what is in those it runs anyway.

/// What one program, or several that take the same, must not be told by more than a rule says.
pub(super) struct Program {
    /// With a version behind (`gcc-14`) and a target before (`x86_64-linux-gnu-gcc`), too.
    pub(super) names: &'static str,
    /// Options by their name, which may be abbreviated.
    pub(super) long: &'static str,
    /// Options by their letter, which may stand among others.
    pub(super) letters: &'static str,
    /// How an argument begins: options that are long behind a single `-`, and what is no option.
    pub(super) begins: &'static str,
    /// What stands anywhere in an argument.
    pub(super) holds: &'static str,
    /// Subcommands, where the rule says none.
    pub(super) subcommands: &'static str,
}

const NOTHING: Program =
    Program { names: "", long: "", letters: "", begins: "", holds: "", subcommands: "" };

pub(super) const TABLE: &[Program] = &[
    // Search, pages and text.
    Program {
        names: "find",
        begins: "-exec -execdir -ok -okdir -fprint -fprint0 -fprintf -fls",
        ..NOTHING
    },
    Program { names: "fd fdfind", long: "exec exec-batch", letters: "xX", ..NOTHING },
    Program { names: "rg", long: "pre hostname-bin", ..NOTHING },
    Program { names: "ag ack bat batcat delta", long: "pager", ..NOTHING },
    Program { names: "ugrep ug", long: "filter pager view", ..NOTHING },
    Program {
        names: "less",
        long: "lesskey-file lesskey-src lesskey-content",
        letters: "k",
        begins: "+",
        ..NOTHING
    },
    Program { names: "man", long: "config-file gxditview html pager", letters: "CHPX", ..NOTHING },
    Program { names: "sort", long: "compress-program", ..NOTHING },
    Program { names: "split", long: "filter", ..NOTHING },
    Program { names: "diff3 sdiff", long: "diff-program", ..NOTHING },
    Program { names: "install", long: "strip-program", ..NOTHING },
    // Archives. A list of files can hold options.
    Program {
        names: "tar bsdtar gtar",
        long: "\
            checkpoint-action files-from info-script new-volume-script rmt-command rsh-command \
            to-command use-compress-program",
        letters: "FIT",
        ..NOTHING
    },
    Program { names: "cpio", long: "rsh-command", ..NOTHING },
    Program { names: "zip", long: "unzip-command", begins: "-TT", ..NOTHING },
    // What connects.
    Program { names: "curl", long: "config engine", letters: "K", ..NOTHING },
    Program {
        names: "wget wget2",
        long: "config execute plugin use-askpass",
        letters: "e",
        ..NOTHING
    },
    Program {
        names: "rsync",
        long: "config remote-option rsh rsync-path",
        letters: "Me",
        ..NOTHING
    },
    Program { names: "ssh", letters: "FIo", ..NOTHING },
    Program { names: "scp", letters: "DFSo", ..NOTHING },
    Program { names: "sftp", letters: "DFSbo", ..NOTHING },
    Program { names: "ssh-add ssh-keygen", letters: "DSsw", ..NOTHING },
    Program { names: "ssh-copy-id", letters: "Fo", ..NOTHING },
    Program {
        names: "gpg gpg2",
        long: "\
            agent-program dirmngr-program exec-path homedir keyboxd-program options photo-viewer",
        ..NOTHING
    },
    Program {
        names: "openssl",
        begins: "-config -engine -provider -ssl_client_engine --config --engine --provider",
        ..NOTHING
    },
    Program { names: "gh", subcommands: "alias config ext extension extensions", ..NOTHING },
    // Containers and clouds: a configuration names programs that fetch credentials, and plug-ins.
    Program { names: "docker podman", long: "config hooks-dir conmon runtime", ..NOTHING },
    Program { names: "helm", long: "kubeconfig post-renderer", subcommands: "plugin", ..NOTHING },
    Program { names: "kubectl oc", long: "kubeconfig", subcommands: "config plugin", ..NOTHING },
    Program { names: "aws", subcommands: "configure", ..NOTHING },
    Program { names: "terraform tofu", begins: "-plugin-dir --plugin-dir", ..NOTHING },
    // Compilers and what builds.
    Program {
        names: "c++ cc clang clang++ cpp g++ gcc gfortran gold ld ld.bfd ld.gold ld.lld lld",
        long: "config gcc-toolchain ld-path plugin specs",
        begins: "\
            @ -B -Xclang -Xlinker -fpass-plugin -fplugin -fuse-ld -iplugindir -load -plugin -specs \
            -wrapper",
        holds: ",-plugin ,--plugin ,@",
        ..NOTHING
    },
    Program { names: "ar nm objdump ranlib strip", long: "plugin", begins: "@", ..NOTHING },
    Program { names: "rustc", long: "codegen extern", letters: "CLZ", begins: "@", ..NOTHING },
    Program { names: "cargo", long: "config", holds: "linker= runner=", ..NOTHING },
    Program {
        names: "go",
        begins: "\
            -exec --exec -toolexec --toolexec -vettool --vettool -ldflags --ldflags -gccgoflags \
            --gccgoflags -overlay --overlay -w",
        subcommands: "generate run tool",
        ..NOTHING
    },
    Program {
        names: "make gmake",
        long: "eval file include-dir makefile",
        letters: "EIf",
        ..NOTHING
    },
    Program { names: "ninja", letters: "f", ..NOTHING },
    Program {
        names: "cmake",
        long: "toolchain",
        begins: "-C -E -P",
        holds: "COMPILER INCLUDE LAUNCHER LINKER PROGRAM RULE TOOLCHAIN",
        ..NOTHING
    },
    Program {
        names: "gradle",
        long: "build-file init-script settings-file",
        letters: "Ibc",
        ..NOTHING
    },
    Program { names: "mvn", holds: "exec: exec-maven antrun", ..NOTHING },
    // Packages.
    Program {
        names: "npm pnpm yarn",
        long: "\
            browser editor git globalconfig node-options script-shell shell userconfig viewer",
        subcommands: "config dlx edit exec explore set x",
        ..NOTHING
    },
    Program { names: "pip pip3", long: "python", subcommands: "config", ..NOTHING },
    Program {
        names: "apt apt-get dnf yum",
        long: "config config-file installroot option setopt",
        letters: "co",
        begins: ". / ~",
        ..NOTHING
    },
    Program { names: "dpkg", long: "post-invoke pre-invoke", ..NOTHING },
    Program { names: "brew", begins: ". / ~", subcommands: "developer ruby sh", ..NOTHING },
    // Databases: what they are told in a word can be a command of the program itself.
    Program { names: "psql", long: "file", letters: "f", holds: r"\ program PROGRAM", ..NOTHING },
    Program {
        names: "mariadb mysql",
        long: "defaults-extra-file defaults-file init-command pager plugin-dir",
        holds: r"\ system",
        ..NOTHING
    },
    Program {
        names: "sqlite3",
        begins: ". -cmd --cmd -init --init",
        holds: "edit( load_extension",
        ..NOTHING
    },
];
