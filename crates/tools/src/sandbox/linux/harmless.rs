//! Git's settings that run nothing, lead git nowhere and name no file, as git-config(1) has them. What could not be told
//! for certain is not among them, nor what a newer git may have added.

/// Sections, with their keys. `*` stands for a middle part, which is then not missing, or for all keys.
const SETTINGS: &[(&str, &str)] = &[
    ("add", "ignoreerrors"),
    ("advice", "*"),
    ("am", "keepcr messageid threeway"),
    ("apply", "ignorewhitespace whitespace"),
    ("author", "email name"),
    ("blame", "blankboundary coloring markignoredlines markunblamablelines showemail showroot"),
    ("branch", "autosetupmerge autosetuprebase sort"),
    // Those of editors and of forges' own programs too.
    ("branch.*", "description gh-merge-base github-pr-owner-number merge rebase vscode-merge-base"),
    ("checkout", "defaultremote guess thresholdforparallelism workers"),
    ("clone", "defaultremotename filtersubmodules rejectshallow"),
    ("color", "*"),
    ("color.*", "*"),
    ("column", "*"),
    ("commit", "cleanup status verbose"),
    ("commitgraph", "changedpathsversion generationversion maxnewfilters readchangedpaths"),
    ("committer", "email name"),
    (
        "core",
        "abbrev autocrlf bare bigfilethreshold checkroundtripencoding checkstat commitgraph compression createobject \
         deltabasecachelimit eol filemode filesreflocktimeout fsync fsyncmethod fsyncobjectfiles ignorecase ignorestat \
         logallrefupdates loosecompression maxtreedepth multipackindex notesref packedgitlimit packedgitwindowsize \
         packedrefstimeout precomposeunicode preloadindex quotepath repositoryformatversion safecrlf sharedrepository \
         sparsecheckout sparsecheckoutcone splitindex symlinks trustctime untrackedcache usereplacerefs \
         warnambiguousrefs whitespace",
    ),
    (
        "diff",
        "algorithm autorefreshindex colormoved colormovedws context dirstat ignoresubmodules indentheuristic \
         interhunkcontext mnemonicprefix noprefix relative renamelimit renames statgraphwidth statnamewidth submodule \
         suppressblankempty wordregex wserrorhighlight",
    ),
    ("diff.*", "binary wordregex xfuncname"),
    // What is in the file of a worktree is judged like this one.
    (
        "extensions",
        "compatobjectformat objectformat partialclone preciousobjects refstorage relativeworktrees worktreeconfig",
    ),
    ("fastimport", "unpacklimit"),
    (
        "fetch",
        "all fsckobjects negotiationalgorithm output parallel prune prunetags recursesubmodules showforcedupdates \
         unpacklimit writecommitgraph",
    ),
    ("format", "coverletter noprefix numbered signoff thread useautobase"),
    (
        "gc",
        "aggressivedepth aggressivewindow auto autodetach autopacklimit bigpackthreshold cruftpacks logexpiry \
         maxcruftsize packrefs pruneexpire reflogexpire reflogexpireunreachable rerereresolved rerereunresolved \
         worktreepruneexpire writecommitgraph",
    ),
    ("gc.*", "reflogexpire reflogexpireunreachable"),
    ("grep", "column extendedregexp fallbacktonoindex fullname linenumber patterntype threads"),
    ("http", "lowspeedlimit lowspeedtime maxrequests minsessions noepsv postbuffer version"),
    ("http.*", "lowspeedlimit lowspeedtime maxrequests minsessions noepsv postbuffer version"),
    ("i18n", "commitencoding logoutputencoding"),
    ("index", "recordendofindexentries recordoffsettable skiphash sparse threads version"),
    ("init", "defaultbranch defaultobjectformat defaultrefformat"),
    ("lfs", "repositoryformatversion"),
    (
        "log",
        "abbrevcommit decorate diffmerges excludedecoration follow graphcolors initialdecorationset mailmap showroot",
    ),
    ("lsrefs", "unborn"),
    ("mailinfo", "scissors"),
    ("maintenance", "auto autodetach strategy"),
    ("maintenance.*", "auto enabled schedule"),
    (
        "merge",
        "autostash branchdesc conflictstyle defaulttoupstream directoryrenames ff log renamelimit renames renormalize \
         stat suppressdest verbosity",
    ),
    ("mergetool", "hideresolved keepbackup keeptemporaries writetotemp"),
    ("notes", "displayref mergestrategy rewritemode rewriteref"),
    ("notes.*", "mergestrategy"),
    ("notes.rewrite", "*"),
    (
        "pack",
        "allowpackreuse compression deltacachelimit deltacachesize depth indexversion island islandcore packsizelimit \
         preferbitmaptips readreverseindex threads usebitmapboundarytraversal usebitmaps usesparse window windowmemory \
         writebitmaphashcache writebitmaplookuptable writereverseindex",
    ),
    ("promisor", "quiet"),
    ("protocol", "version"),
    ("pull", "ff rebase"),
    (
        "push",
        "autosetupremote default followtags negotiate recursesubmodules usebitmaps useforceifincludes",
    ),
    // Not `instructionformat`: it writes steps.
    (
        "rebase",
        "abbreviatecommands autosquash autostash backend forkpoint maxlabellength missingcommitscheck rebasemerges \
         reschedulefailedexec stat updaterefs",
    ),
    (
        "receive",
        "advertiseatomic advertisepushoptions autogc certnonceseed certnonceslop denycurrentbranch denydeletecurrent \
         denydeletes denynonfastforwards fsckobjects hiderefs keepalive maxinputsize shallowupdate unpacklimit \
         updateserverinfo",
    ),
    ("reftable", "blocksize geometricfactor indexobjects locktimeout restartinterval"),
    // What is missing is fetched from an address, which is judged by itself.
    (
        "remote.*",
        "fetch gh-resolved mirror partialclonefilter promisor prune prunetags push skipdefaultupdate skipfetchall tagopt",
    ),
    (
        "repack",
        "cruftdepth cruftthreads cruftwindow cruftwindowmemory packkeptobjects updateserverinfo usedeltabaseoffset \
         usedeltaislands writebitmaps",
    ),
    ("rerere", "autoupdate enabled"),
    ("revert", "reference"),
    ("sparse", "expectfilesoutsideofpatterns"),
    ("splitindex", "maxpercentchange sharedindexexpire"),
    ("stash", "showincludeuntracked showpatch showstat"),
    (
        "status",
        "aheadbehind branch displaycommentprefix relativepaths renamelimit renames short showstash showuntrackedfiles \
         submodulesummary",
    ),
    (
        "submodule",
        "active alternateerrorstrategy alternatelocation fetchjobs propagatebranches recurse",
    ),
    ("submodule.*", "active branch fetchrecursesubmodules ignore"),
    ("tag", "sort"),
    ("tar", "umask"),
    (
        "transfer",
        "advertiseobjectinfo advertisesid credentialsinurl fsckobjects hiderefs unpacklimit",
    ),
    ("uploadarchive", "allowunreachable"),
    // Not `packobjectshook`, which is a program, nor `blobpackfileuri`, which leads elsewhere.
    (
        "uploadpack",
        "allowanysha1inwant allowfilter allowreachablesha1inwant allowrefinwant allowsidebandall allowtipsha1inwant \
         hiderefs keepalive",
    ),
    ("uploadpackfilter", "allow"),
    ("uploadpackfilter.*", "allow maxdepth"),
    ("user", "email name useconfigonly"),
    ("versionsort", "prereleasesuffix suffix"),
    ("worktree", "guessremote userelativepaths"),
];

/// Whether a setting, with its name in small letters but for the middle part, is one of them.
pub(super) fn is_known(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    let (section, key) = (&name[..dot], &name[dot + 1..]);
    let is_meant = |known: &str| match known.strip_suffix(".*") {
        Some(begin) => {
            let middle = section.strip_prefix(begin.as_bytes());
            middle.and_then(|middle| middle.strip_prefix(b".")).is_some_and(|name| !name.is_empty())
        }
        None => section == known.as_bytes(),
    };
    let keys = SETTINGS.iter().filter(|(known, _)| is_meant(known)).map(|(_, keys)| keys);
    keys.flat_map(|keys| keys.split(' ')).any(|known| known == "*" || known.as_bytes() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all that git-config(1) has: what runs programs, names files to be read or written, leads elsewhere, weakens
    /// what protects from others, or is shown on a terminal as it is.
    const HARMFUL: &str = "alias.x attr.tree blame.date blame.ignorerevsfile branch.x.mergeoptions browser.x.cmd browser.x.path \
        bundle.x.uri bundle.uri clean.requireforce commit.gpgsign commit.template core.alternaterefscommand core.askpass \
        core.attributesfile core.commentchar core.commentstring core.editor core.excludesfile core.fsmonitor \
        core.fsmonitorhookversion core.gitproxy core.hookspath core.pager core.protecthfs core.protectntfs \
        core.sshcommand core.worktree credential.helper credential.x.helper credential.username diff.external \
        diff.orderfile diff.srcprefix diff.tool diff.guitool diff.x.command diff.x.textconv diff.x.cachetextconv \
        difftool.x.cmd difftool.x.path fetch.bundleuri fetch.fsck.skiplist fsck.skiplist filter.x.clean filter.x.process \
        filter.x.required filter.x.smudge format.outputdirectory format.pretty format.signaturefile format.suffix \
        gc.recentobjectshook gc.repackfilterto gpg.format gpg.program gpg.x.program gpg.ssh.defaultkeycommand \
        guitool.x.cmd help.autocorrect help.browser http.cookiefile http.curloptresolve http.extraheader \
        http.followredirects http.proxy http.savecookies http.sslbackend http.sslcainfo http.sslcert http.sslkey \
        http.sslverify http.x.proxy http.x.sslverify imap.tunnel include.path includeif.x.path init.templatedir \
        instaweb.httpd interactive.difffilter lfs.customtransfer.x.path log.date log.showsignature mailmap.file \
        maintenance.repo man.x.cmd man.x.path merge.tool merge.verifysignatures merge.x.driver mergetool.x.cmd \
        mergetool.x.path pager.x pretty.x promisor.acceptfromserver protocol.allow protocol.x.allow pull.octopus \
        pull.twohead push.gpgsign push.pushoption rebase.instructionformat receive.fsck.skiplist \
        receive.procreceiverefs remote.x.proxy remote.x.receivepack remote.x.uploadpack remote.x.vcs remotes.x \
        safe.barerepository safe.directory sendemail.smtpserver sequence.editor ssh.variant submodule.x.update \
        tag.gpgsign tar.x.command trace2.eventtarget trailer.x.cmd trailer.x.command transfer.bundleuri \
        uploadpack.packobjectshook uploadpack.blobpackfileuri url.x.insteadof url.x.pushinsteadof user.signingkey \
        web.browser";

    #[test]
    fn what_runs_something_or_leads_elsewhere_is_not_known_to_be_harmless() {
        for name in HARMFUL.split_ascii_whitespace() {
            assert!(!is_known(name.as_bytes()), "{name}");
        }
        for odd in
            ["", "core", ".bare", "branch.merge", "branch..merge", "core.x.bare", "x.core.bare"]
        {
            assert!(!is_known(odd.as_bytes()), "{odd}");
        }
    }

    #[test]
    fn a_middle_part_may_be_anything() {
        for name in [
            "branch.a.b.merge",
            "http.https://a.b/.postbuffer",
            "color.diff.new",
            "uploadpackfilter.tree.maxdepth",
            "notes.rewrite.amend",
        ] {
            assert!(is_known(name.as_bytes()), "{name}");
        }
    }
}
