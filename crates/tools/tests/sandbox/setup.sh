# A repository with a history, a branch to merge, a remote and a submodule; run by its owner in the workspace.
set -e
git init -q --bare -b main ../origin.git
git init -q -b main .
printf 'a\n' >a
git add a && git commit -q -m one
git remote add origin ../origin.git
git push -q -u origin main
git -c protocol.file.allow=always submodule --quiet add ../origin.git sub
git commit -q -m two
git checkout -q -b side && printf 'side\n' >a && git commit -q -a -m side && git checkout -q main
printf 'main\n' >a && git commit -q -a -m three
touch evil && chmod +x evil
# The attacker is large, and each copy of this place has its own.
echo attacker >>.git/info/exclude
rm attacker
mkdir plain
