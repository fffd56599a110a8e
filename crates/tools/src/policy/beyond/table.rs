//! By which arguments programs run what these name, program by program. Not in it are programs that do little else
//! (`python3`, `timeout`): a rule about them says that already. Nor another folder of a project (`make -C`): what is in its
//! files runs anyway.

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
    /// What stands anywhere in an argument, in small letters: SQL and the names of formats may be written in any.
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
    Program { names: "ag ack", long: "pager", ..NOTHING },
    Program { names: "bat batcat", long: "lessopen pager", ..NOTHING },
    Program { names: "delta", long: "config diff-args pager", letters: "@", ..NOTHING },
    Program { names: "ugrep ug", long: "filter pager view", ..NOTHING },
    Program {
        names: "less",
        long: "cmd lesskey-file lesskey-src lesskey-content",
        letters: "k",
        begins: "+",
        ..NOTHING
    },
    Program { names: "man", long: "config-file gxditview html pager", letters: "CHPX", ..NOTHING },
    Program {
        names: "ex nvim vi view vim",
        long: "cmd remote-expr remote-send",
        letters: "SUclsu",
        begins: "+",
        ..NOTHING
    },
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
    Program { names: "zip", long: "unzip-command", ..NOTHING },
    // Texts and pictures made of others.
    Program {
        names: "latex lualatex pdflatex pdftex tex xelatex xetex",
        begins: "\
            -enable-pipes -enable-write18 -shell-escape -shell-restricted --enable-pipes \
            --enable-write18 --shell-escape --shell-restricted",
        holds: r"\",
        ..NOTHING
    },
    Program {
        names: "pandoc",
        long: "defaults filter lua-filter pdf-engine pdf-engine-opt",
        letters: "FLd",
        // Code that reads or writes a format, and `pandoc lua`.
        holds: ".lua",
        subcommands: "lua",
        ..NOTHING
    },
    Program {
        names: "asciidoctor sphinx-build",
        long: "define require template-engine",
        letters: "CDTcr",
        ..NOTHING
    },
    Program { names: "gs", begins: "@ -c -dNOSAFER", holds: "| %pipe", ..NOTHING },
    Program {
        names: "composite convert identify magick mogrify montage",
        begins: "@ -script",
        holds: "| ephemeral: msl:",
        ..NOTHING
    },
    // Versions, but for git's (`git.rs`): a setting, a hook or an alias of another place is a program.
    Program {
        names: "hg",
        long: "command config cwd program remotecmd repository ssh tool",
        letters: "Ret",
        subcommands: "bisect config debugshell extdiff fix serve",
        ..NOTHING
    },
    Program {
        names: "svn",
        long: "config-dir config-option diff-cmd diff3-cmd editor-cmd",
        ..NOTHING
    },
    Program {
        names: "jj",
        long: "config config-file config-toml repository tool",
        letters: "R",
        subcommands: "config fix run util",
        ..NOTHING
    },
    Program {
        names: "fossil",
        begins: "\
            -args --args -chdir --chdir -command --command -editor --editor -repository --repository \
            -ssh-command --ssh-command -ssh --ssh",
        letters: "Rc",
        subcommands: "\
            all bisect cgi gdiff hook http server set settings shell sql sqlite sqlite3 ui",
        ..NOTHING
    },
    Program {
        names: "darcs",
        long: "\
            diff-command editor external-merge posthook prehook remote-darcs repodir sendmail-command",
        ..NOTHING
    },
    Program { names: "cvs", letters: "de", ..NOTHING },
    // Of a terminal: `;` begins another command, and a format runs what is in brackets.
    Program { names: "tmux", letters: "LSf", holds: "; #(", ..NOTHING },
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
        subcommands: "engine",
        ..NOTHING
    },
    Program { names: "gh", subcommands: "alias config ext extension extensions", ..NOTHING },
    Program { names: "nmap", long: "datadir script servicedb", letters: "C", ..NOTHING },
    Program { names: "tcpdump", letters: "z", ..NOTHING },
    Program {
        names: "rclone",
        long: "config",
        // As an option of the command, of one remote (`--sftp-ssh`) or within the name of one (`:sftp,ssh=x:`).
        holds: "-command _command ssh= -ssh auth-proxy auth_proxy metadata-mapper metadata_mapper",
        subcommands: "config",
        ..NOTHING
    },
    // Containers and clouds: a configuration names programs that fetch credentials, and plug-ins.
    Program { names: "docker podman", long: "config hooks-dir conmon runtime", ..NOTHING },
    Program { names: "helm", long: "kubeconfig post-renderer", subcommands: "plugin", ..NOTHING },
    Program {
        names: "kubectl oc",
        // A file of `--kuberc` has aliases; `kustomize` runs what the others say.
        long: "enable-alpha-plugins enable-exec enable-helm helm-command kubeconfig kuberc",
        subcommands: "config plugin",
        ..NOTHING
    },
    Program {
        names: "ansible ansible-playbook",
        long: "\
            become-method connection extra-vars inventory module-path playbook-dir \
            scp-extra-args sftp-extra-args ssh-common-args ssh-extra-args vault-id \
            vault-password-file",
        letters: "Mcei",
        ..NOTHING
    },
    Program { names: "aws", subcommands: "configure", ..NOTHING },
    Program { names: "terraform tofu", begins: "-plugin-dir --plugin-dir", ..NOTHING },
    // Compilers and what builds.
    Program {
        names: "c++ cc clang clang++ cpp g++ gcc gfortran gold ld ld.bfd ld.gold ld.lld lld",
        // Of gcc's two are other names: of `-B` and of `-Xlinker`.
        // Of clang the places where it looks for configurations, tools and other compilers.
        long: "\
            amdgpu-arch-tool config config-system-dir config-user-dir cuda-path for-linker gcc-install-dir \
            gcc-toolchain gcc-triple hip-path hipspv-pass-plugin ld-path load-pass-plugin nvptx-arch-tool \
            offload-arch-tool plugin prefix ptxas-path rocm-path specs",
        begins: "\
            @ -B -Xclang -Xlinker -ccc- -fpass-plugin -fplugin -fuse-ld -gcc-toolchain -iplugindir -load -plugin \
            -specs -wrapper",
        holds: ",-fplugin ,-load ,--load ,-plugin ,--plugin ,@ =-load",
        ..NOTHING
    },
    Program { names: "ar nm objdump ranlib strip", long: "plugin", begins: "@", ..NOTHING },
    Program {
        names: "rustc rustdoc",
        long: "codegen extern sysroot test-builder test-runtool",
        letters: "CLZ",
        begins: "@",
        ..NOTHING
    },
    Program {
        names: "cargo",
        long: "config",
        letters: "Z",
        holds: "linker= link-arg runner= --extern --test-builder --test-runtool",
        ..NOTHING
    },
    Program {
        names: "go",
        // `-o` and `-debug-…` write where they are told, hooks of git's included.
        begins: "\
            -debug- --debug- -exec --exec -fixtool --fixtool -gccgoflags --gccgoflags -ldflags --ldflags -modfile \
            --modfile -o --o -toolexec --toolexec -vettool --vettool -w",
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
        // What is behind `--` goes to `make` or `ninja`.
        begins: "-C -E -P -f",
        ..NOTHING
    },
    Program { names: "ctest", long: "build-and-test script", letters: "S", ..NOTHING },
    Program {
        names: "meson",
        long: "cross-file gdb-path native-file ninja-args wrapper",
        subcommands: "devenv",
        ..NOTHING
    },
    Program {
        names: "bazel bazelisk",
        long: "\
            action_env bazelrc copt credential_helper extra_toolchains host_copt host_jvm_args \
            javacopt linkopt override_module override_repository plugin run_under \
            server_javabase shell_executable test_env workspace_status_command",
        subcommands: "run",
        ..NOTHING
    },
    Program {
        names: "just",
        long: "chooser command justfile set shell shell-arg",
        letters: "cf",
        ..NOTHING
    },
    Program {
        names: "gradle gradlew",
        long: "\
            build-file gradle-user-home include-build init-script project-prop settings-file \
            system-prop",
        begins: "-I -b -c -g",
        ..NOTHING
    },
    Program {
        names: "mvn mvnd mvnw",
        long: "builder define global-settings global-toolchains settings toolchains",
        begins: "-b -gs -gt -s -t",
        holds: "exec: exec-maven antrun",
        ..NOTHING
    },
    Program {
        names: "dotnet msbuild",
        long: "property test-adapter-path",
        begins: "-distributedlogger -dl: -l: -logger --logger: -p: -property @ /l: /logger /p: /property",
        ..NOTHING
    },
    // What tests and checks code: a plug-in, a reporter and a configuration are programs.
    Program {
        names: "py.test pytest",
        long: "config-file confcutdir override-ini pdbcls rootdir",
        letters: "cop",
        ..NOTHING
    },
    Program {
        names: "mypy pylint",
        long: "config-file init-hook load-plugins python-executable rcfile",
        ..NOTHING
    },
    Program {
        names: "flake8 nox pre-commit tox",
        long: "append-config conf config noxfile override",
        letters: "cfx",
        ..NOTHING
    },
    Program { names: "coverage", long: "rcfile", subcommands: "run", ..NOTHING },
    Program { names: "rspec", long: "default-path options require", letters: "IOr", ..NOTHING },
    Program {
        names: "cucumber cucumber-js rubocop",
        long: "config format import loader plugin profile require require-module",
        letters: "cfpr",
        ..NOTHING
    },
    Program {
        names: "rake",
        long: "\
            execute execute-continue execute-print libdir rakefile rakelib rakelibdir require",
        letters: "EIRefpr",
        ..NOTHING
    },
    Program {
        names: "paratest pest phpstan phpunit psalm",
        long: "\
            autoload-file bootstrap config configuration extension include-path loader passthru-php \
            plugin prepend printer runner",
        letters: "acd",
        ..NOTHING
    },
    Program { names: "bats", long: "formatter report-formatter", letters: "F", ..NOTHING },
    Program {
        names: "\
            ava c8 cypress eslint jest karma mocha nyc playwright prettier rollup stylelint tap vite \
            vitest webpack",
        long: "\
            config environment format globalSetup import loader parser plugin reporter reporters \
            require resolver rulesdir runner setupFiles setupFilesAfterEnv testEnvironment \
            testRunner transform",
        letters: "cfr",
        ..NOTHING
    },
    Program { names: "protoc", long: "plugin", begins: "@", ..NOTHING },
    // Packages.
    Program {
        names: "npm pnpm yarn",
        long: "\
            browser editor git globalconfig node-options script-shell shell userconfig viewer",
        subcommands: "config dlx edit exec explore set x",
        ..NOTHING
    },
    // A package runs what is in it; from where it comes, and what it is built with, a rule says.
    Program {
        names: "pip pip3",
        long: "\
            build-option config-settings extra-index-url find-links global-option index-url \
            install-option python",
        letters: "Cfi",
        subcommands: "config",
        ..NOTHING
    },
    Program {
        names: "uv",
        long: "\
            config-file config-setting default-index directory extra-index-url find-links index index-url \
            project python",
        letters: "Cfip",
        ..NOTHING
    },
    Program {
        names: "apt apt-get dnf yum",
        long: "config config-file installroot option setopt",
        letters: "co",
        begins: ". / ~",
        holds: ".rpm",
        ..NOTHING
    },
    Program {
        names: "rpm rpmbuild rpmspec",
        long: "define eval load macros pipe rcfile",
        letters: "DE",
        holds: ".rpm",
        ..NOTHING
    },
    Program { names: "pacman", long: "config hookdir", ..NOTHING },
    Program { names: "dpkg", long: "post-invoke pre-invoke", holds: ".deb", ..NOTHING },
    Program { names: "brew", begins: ". / ~", subcommands: "developer ruby sh", ..NOTHING },
    // Databases: what they are told in a word can be a command of the program itself.
    Program { names: "psql", long: "file output", letters: "fo", holds: r"\ program", ..NOTHING },
    Program {
        names: "mariadb mysql",
        long: "defaults-extra-file defaults-file init-command pager plugin-dir",
        holds: r"\ pager source system",
        ..NOTHING
    },
    Program {
        names: "sqlite3",
        begins: ". -cmd --cmd -init --init",
        // Functions, whose names may stand in quotes and apart from their brackets.
        holds: "edit load_extension",
        ..NOTHING
    },
];
