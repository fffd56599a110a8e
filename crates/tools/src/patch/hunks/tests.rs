use super::super::parse::{self, Section};
use super::*;
use proptest::prelude::*;

fn hunks(body: &str) -> Vec<Hunk> {
    let text = format!("*** Begin Patch\n*** Update File: f\n{body}\n*** End Patch");
    match parse::parse(&text).unwrap().sections.remove(0) {
        Section::Update { hunks, .. } => hunks,
        other => panic!("{other:?}"),
    }
}

fn patched(file: &str, body: &str) -> Result<(String, Vec<String>), String> {
    match apply(&TextFile::parse(file), &hunks(body)) {
        Ok(applied) => Ok((applied.file.to_text(), applied.notes)),
        Err(mismatches) => {
            Err(mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// The new text, where nothing had to be overlooked.
fn cleanly(file: &str, body: &str) -> String {
    let (text, notes) = patched(file, body).unwrap();
    assert_eq!(notes, [""; 0]);
    text
}

#[test]
fn lines_are_replaced_removed_and_added() {
    for (file, body, expected) in [
        ("a\nb\nc\n", "@@\n a\n-b\n+B\n+b\n c", "a\nB\nb\nc\n"),
        ("a\nb\nc\n", "-b", "a\nc\n"),
        ("a\nb\n", " a\n+x\n b", "a\nx\nb\n"),
        ("a\n", "-a", ""),
        ("", "+a", "a\n"),
        // Without old lines: at the end, or below the line that is named.
        ("a\nb\n", "@@\n+c", "a\nb\nc\n"),
        ("fn a() {\n}\n", "@@ fn a() {\n+    x();", "fn a() {\n    x();\n}\n"),
        ("a\nb\na\n", "-a\n+c\n*** End of File", "a\nb\nc\n"),
        ("a\nb\n", "@@ a\n+c\n*** End of File", "a\nb\nc\n"),
        ("a\nb\n", " a\n-b\n@@\n+c", "a\nc\n"),
        ("h\na\n", "-a\n@@ h\n+b", "h\nb\n"),
    ] {
        assert_eq!(cleanly(file, body), expected, "{body}");
    }
}

#[test]
fn hunks_are_placed_one_after_the_other() {
    assert_eq!(cleanly("a\nx\nb\nx\nc\nx\n", "@@ a\n-x\n+1\n@@ b\n-x\n+2"), "a\n1\nb\n2\nc\nx\n");
    assert_eq!(cleanly("x\nx\nx\n", "-x\n+1\n@@\n-x\n+2\n@@\n-x\n+3"), "1\n2\n3\n");
    // In another order than in the file, where each fits one place only.
    assert_eq!(cleanly("a\nb\nc\n", "-c\n+C\n@@\n-a\n+A"), "A\nb\nC\n");
}

#[test]
fn locators_find_the_right_one_of_equal_lines() {
    let file = "class A:\n  def f():\n    pass\nclass B:\n  def f():\n    pass\n";
    let expected = "class A:\n  def f():\n    pass\nclass B:\n  def f():\n    done\n";
    let edit = "-    pass\n+    done";
    for locators in
        ["@@ class B:\n@@ def f():", "@@ class B", "@@ class B:", "@@ -4,3 +4,3 @@ class B:"]
    {
        assert_eq!(cleanly(file, &format!("{locators}\n{edit}")), expected, "{locators}");
    }
    // The line named may also be the first of the hunk.
    assert_eq!(cleanly(file, &format!("@@ class B:\n class B:\n   def f():\n{edit}")), expected);
    // A second hunk below the same line, and a tool's heading that is not in the file.
    assert_eq!(cleanly("h\na\nb\n", "@@ h\n-a\n+A\n@@ h\n-b\n+B"), "h\nA\nB\n");
    assert_eq!(cleanly("a\n", "@@ -1 +1 @@ gone\n-a\n+b"), "b\n");
}

#[test]
fn what_differs_in_space_or_punctuation_is_found_and_kept_as_the_file_has_it() {
    for (file, body, expected, note) in [
        ("keep \t\nold \n", " keep\n-old\n+new", "keep \t\nnew\n", "white space at line ends"),
        ("\tkeep\n\told\n", "   keep\n-\told\n+\tnew", "\tkeep\n\tnew\n", "indentation"),
        ("// “a” – b\nx\n", " // \"a\" - b\n-x\n+y", "// “a” – b\ny\n", "typographic punctuation"),
    ] {
        let (text, notes) = patched(file, body).unwrap();
        assert_eq!(text, expected, "{body}");
        assert_eq!(notes, [format!("hunk 1 was found at line 1 by overlooking {note}")]);
    }
}

#[test]
fn a_patch_indented_too_little_or_too_much_is_indented_like_the_file() {
    let text = |file, body| patched(file, body).unwrap().0;
    assert_eq!(
        text("    if x:\n      y\n", "-if x:\n-  y\n+if z:\n+\n+  w"),
        "    if z:\n\n      w\n"
    );
    assert_eq!(text("a\n  b\n", "-    a\n-      b\n+    c\n+      d"), "c\n  d\n");
    // Nothing is added.
    assert_eq!(text("  a\n    b\n", "-a\n-b"), "");
    // Tabs for spaces, and the other way round.
    assert_eq!(
        text("all:\n\techo a\n", " all:\n-    echo a\n+    echo c\n+        deeper"),
        "all:\n\techo c\n\t\tdeeper\n"
    );
    assert_eq!(
        text("all:\n\techo a\n", " all:\n     echo a\n+    echo c"),
        "all:\n\techo a\n\techo c\n"
    );
    assert_eq!(text("if x:\n    y\n", "-\ty\n+\tz\n+\t\tw"), "if x:\n    z\n        w\n");
}

#[test]
fn where_it_cannot_be_told_how_lines_are_indented_the_hunk_is_refused() {
    assert_eq!(
        patched("  a\n    b\n", "-a\n-b\n+c").unwrap_err(),
        "its lines stand at line 1 with another indentation, which does not tell how the added lines are to be \
         indented: write all of them as the file has them\nThe file has:\n1\t  a\n2\t    b"
    );
    let mixed = "def f():\n\ta\n    b\n";
    assert!(patched(mixed, "-    a\n-    b\n+    c").is_err());
}

#[test]
fn a_long_search_in_a_file_of_equal_lines_ends() {
    let file = "aaaa\n".repeat(300_000);
    let body = "-aaaa\n".repeat(3_000) + "-b";
    assert!(patched(&file, &body).unwrap_err().contains("these lines are not in the file"));
    let many = vec!["-aaaa\n+c"; 2_000].join("\n@@\n");
    assert!(patched(&file, &many).unwrap().0.starts_with("c\nc\n"));
}

#[test]
fn line_ends_bom_and_a_missing_final_newline_stay() {
    for (file, body, expected) in [
        ("a\r\nb\r\n", " a\n-b\n+c\n+d", "a\r\nc\r\nd\r\n"),
        ("a\r\nb", "-b\n+c\n+d", "a\r\nc\r\nd"),
        ("a\nb\r\nc\n", "-b\n+x", "a\nx\r\nc\n"),
        ("\u{feff}a\nb\n", "-a\n+c", "\u{feff}c\nb\n"),
        ("a\nb", " a\n-b", "a"),
        ("a", "@@\n+b", "a\nb"),
    ] {
        assert_eq!(cleanly(file, body), expected, "{file:?} {body:?}");
    }
}

#[test]
fn blank_lines_at_the_end_of_a_hunk_need_not_be_in_the_file() {
    assert_eq!(cleanly("a\nb\n", " a\n-b\n+c\n\n"), "a\nc\n");
    assert_eq!(cleanly("a\n\nb\n", " a\n\n-b\n+c\n"), "a\n\nc\n");
}

#[test]
fn a_place_that_was_one_of_several_is_said() {
    let (text, notes) = patched("x\ny\nx\n", "-x\n+z").unwrap();
    assert_eq!(text, "z\ny\nx\n");
    assert_eq!(
        notes,
        ["hunk 1 was applied at line 1, but also fits at line 3: check that this was the one"]
    );
}

#[test]
fn what_has_no_place_is_said_with_the_nearest_lines() {
    let file = "fn one() {\n    work();\n}\n\nfn two() {\n    work(1);\n}\n";
    assert_eq!(
        patched(file, "@@\n fn two() {\n-    work(2);\n+    work(3);").unwrap_err(),
        "these lines are not in the file:\nfn two() {\n    work(2);\n\
         The nearest lines of the file are:\n4\t\n5\tfn two() {\n6\t    work(1);\n7\t}\n\
         They differ first at line 6."
    );
    assert_eq!(
        patched(file, "-fn one() {\n+fn two() {\n@@ fn three() {\n-}").unwrap_err(),
        "hunk 2 of 2: no line is `fn three() {`, as `@@` says\n\
         The nearest lines of the file are:\n1\tfn one() {\n2\t    work();\n3\t}\n4\t"
    );
    assert_eq!(
        patched(file, "-fn one() {\n*** End of File").unwrap_err(),
        "the lines stand at line 1, not at the end of the file as `*** End of File` says\n\
         The file ends with:\n4\t\n5\tfn two() {\n6\t    work(1);\n7\t}"
    );
    assert_eq!(
        patched("a\n", "-something else").unwrap_err(),
        "these lines are not in the file:\nsomething else\nNothing in the file is like it: read it again."
    );
}

#[test]
fn of_a_long_hunk_what_is_about_the_difference_is_said() {
    let line = |number: usize| format!("let value_{number} = compute({number});");
    let file: String = (1..=200).map(|number| line(number) + "\n").collect();
    let body: String = (50..=120).map(|number| format!(" {}\n", line(number))).collect();
    let body = body.replace("compute(95)", "comptue(95)") + "-x";
    let message = patched(&file, &body).unwrap_err();
    assert!(message.contains("[30 lines before]\nlet value_80"), "{message}");
    assert!(message.contains("\nlet value_95 = comptue(95);\n"), "{message}");
    assert!(message.contains("\n95\tlet value_95 = compute(95);\n"), "{message}");
    assert!(message.contains("[12 more lines]\nThe nearest"), "{message}");
    assert!(message.ends_with("\nThey differ first at line 95."), "{message}");
    assert!(message.lines().count() < 72, "{message}");
}

#[test]
fn lines_are_not_added_in_the_middle_of_another_hunk() {
    assert_eq!(
        patched("a\nb\nc\n", "-a\n-b\n c\n@@ a\n+x").unwrap_err(),
        "hunk 2 of 2: it adds lines at line 2, in the middle of what an earlier hunk changes: make them one hunk"
    );
}

#[test]
fn hunks_may_have_lines_in_common_that_the_earlier_one_keeps() {
    let file = "a\nb\nc\nd\ne\nf\n";
    for (body, expected) in [
        // Kept by both, as where each change comes with three lines around it.
        (" a\n-b\n+B\n c\n d\n@@\n c\n d\n-e\n+E\n f", "a\nB\nc\nd\nE\nf\n"),
        // Changed by the later one: removed, or parted by what it adds.
        ("-a\n+A\n b\n c\n d\n@@\n b\n-c\n+C\n d", "A\nb\nC\nd\ne\nf\n"),
        ("-a\n+A\n b\n c\n@@\n b\n+x\n c\n d", "A\nb\nx\nc\nd\ne\nf\n"),
        // Several in a row, and in another order than in the file.
        ("-a\n b\n c\n@@\n b\n-c\n d\n@@\n d\n-e\n f", "b\nd\nf\n"),
        (" d\n-e\n+E\n f\n@@\n-b\n+B\n c\n d", "a\nB\nc\nd\nE\nf\n"),
    ] {
        assert_eq!(cleanly(file, body), expected, "{body}");
    }
    // Where the lines come again below, that is where they are looked for first.
    let (text, notes) = patched("x\na\nx\na\nx\na\n", "-x\n+1\n a\n@@\n a\n-x\n+2").unwrap();
    assert_eq!(text, "1\na\nx\na\n2\na\n");
    assert!(notes[1].contains("hunk 2 was applied at line 4, but also fits at line 2"));
}

#[test]
fn what_an_earlier_hunk_changes_no_later_one_has() {
    for (file, body, line) in [
        ("a\nb\nc\n", "-a\n+A\n b\n@@\n a\n b\n-c", 1),
        ("x\na\nb\n", " a\n+y\n b\n@@\n a\n+y\n b", 2),
        ("a\nb\n", "-b\n+B\n@@\n a\n-b\n*** End of File", 1),
    ] {
        assert_eq!(
            patched(file, body).unwrap_err(),
            format!(
                "hunk 2 of 2: its lines stand at line {line}, where an earlier hunk changes some of them: \
                 make them one hunk"
            ),
            "{body}"
        );
    }
}

#[test]
fn lines_that_stand_above_more_than_once_are_not_said_to_be_missing() {
    assert_eq!(
        patched("a\nx\na\nb\n", "-b\n@@\n-a").unwrap_err(),
        "hunk 2 of 2: its lines stand at lines 1, 3, each above the hunk before or the line that `@@` names: say by \
         `@@` which are meant"
    );
}

#[test]
fn all_hunks_without_a_place_are_said_at_once() {
    let message = patched("a\n", "-x\n@@\n-a\n@@\n-y").unwrap_err();
    assert!(message.contains("hunk 1 of 3") && message.contains("hunk 3 of 3"), "{message}");
}

/// A file, and the same with some lines changed, as hunks with one line of context.
fn edits() -> impl Strategy<Value = (Vec<String>, Vec<Option<Vec<String>>>)> {
    prop::collection::vec(
        ("[a-c ]{0,3}", prop::option::weighted(0.3, prop::collection::vec("[a-d]{0,2}", 0..3))),
        1..12,
    )
    .prop_map(|mut lines| {
        // So that there is something to change.
        lines.insert(0, ("first".into(), Some(vec!["1".into()])));
        lines.into_iter().unzip()
    })
}

proptest! {
    /// The oracle: whole-file hunks cannot be misplaced, so the result is known by construction.
    #[test]
    fn a_hunk_over_the_whole_file_gives_what_its_lines_say((old, edits) in edits(), newline in any::<bool>()) {
        // A last line that is empty and has no line end is no line.
        let newline = newline || old.last().unwrap().is_empty();
        let mut body = String::from("@@");
        let mut new = Vec::new();
        for (line, edit) in old.iter().zip(&edits) {
            match edit {
                None => {
                    body.push_str(&format!("\n {line}"));
                    new.push(line.clone());
                }
                Some(lines) => {
                    body.push_str(&format!("\n-{line}"));
                    for line in lines {
                        body.push_str(&format!("\n+{line}"));
                        new.push(line.clone());
                    }
                }
            }
        }
        let end = if newline { "\n" } else { "" };
        let file = format!("{}{end}", old.join("\n"));
        let text = patched(&file, &body).unwrap().0;
        let expected = if new.is_empty() { String::new() } else { format!("{}{end}", new.join("\n")) };
        prop_assert_eq!(text, expected);
    }

    #[test]
    fn a_change_and_its_reverse_give_the_file_back(
        lines in prop::collection::vec("[a-z]{6}[ -~]{0,20}", 3..12),
        at in 0_usize..100,
        added in prop::collection::vec("[A-Z]{6}[ -~]{0,20}", 1..4),
        crlf in any::<bool>(),
    ) {
        let mut unique = lines.clone();
        unique.sort();
        unique.dedup();
        prop_assume!(unique.len() == lines.len());
        let end = if crlf { "\r\n" } else { "\n" };
        let file = lines.iter().map(|line| format!("{line}{end}")).collect::<String>();
        let old = &lines[at % lines.len()];
        let minus = |lines: &[String]| lines.iter().map(|line| format!("-{line}")).collect::<Vec<_>>().join("\n");
        let plus = |lines: &[String]| minus(lines).replace("\n-", "\n+").replacen('-', "+", 1);
        let one = std::slice::from_ref(old);
        let there = patched(&file, &format!("{}\n{}", minus(one), plus(&added))).unwrap().0;
        prop_assert_ne!(&there, &file);
        let back = patched(&there, &format!("{}\n{}", minus(&added), plus(one))).unwrap().0;
        prop_assert_eq!(back, file);
    }

    /// The oracle is a diff tool: lines are unique, so that there is one place for each hunk.
    #[test]
    fn the_difference_of_two_files_turns_one_into_the_other(
        kinds in prop::collection::vec(0_u8..5, 1..40),
        // Without lines around it, an insertion goes to the end: line numbers say nothing.
        context in 1_usize..4,
        crlf in any::<bool>(),
        newline in any::<bool>(),
    ) {
        // A file without a single line end would not tell how its lines end.
        let (mut old, mut new) = (vec!["head".to_owned(), "goes".to_owned()], vec!["head".to_owned()]);
        for (index, kind) in kinds.iter().enumerate() {
            match kind {
                0 => old.push(format!("  old line {index}")),
                1 => new.push(format!("new line {index}")),
                _ => {
                    old.push(format!("line {index} {{"));
                    new.push(format!("line {index} {{"));
                }
            }
        }
        let end = if crlf { "\r\n" } else { "\n" };
        let join = |lines: &[String]| {
            let last = if newline && !lines.is_empty() { end } else { "" };
            format!("{}{last}", lines.join(end))
        };
        let (old, new) = (join(&old), join(&new));
        let diff = similar::TextDiff::from_lines(&old, &new);
        let diff = diff.unified_diff().context_radius(context).to_string();
        let applied = patched(&old, diff.trim_end_matches('\n'));
        prop_assert_eq!(applied.map(|(text, _)| text), Ok(new));
    }

    /// Each change is a hunk of its own, with the lines around it as they are before it and after the one above.
    #[test]
    fn changes_however_close_may_each_be_a_hunk(
        kinds in prop::collection::vec(0_u8..4, 1..30),
        around in 1_usize..4,
    ) {
        let old: Vec<_> = (0..kinds.len()).map(|index| format!("line {index}")).collect();
        let is_changed = |index: usize| kinds[index] == 0;
        let new: String = (0..old.len())
            .map(|index| if is_changed(index) { format!("new {index}\n") } else { format!("{}\n", old[index]) })
            .collect();
        let hunk = |at: usize| {
            let above = (0..at).rev().take(around).take_while(|index| !is_changed(*index)).count();
            let kept = |lines: &[String]| lines.iter().map(|line| format!(" {line}\n")).collect::<String>();
            let below = &old[at + 1..old.len().min(at + 1 + around)];
            format!("@@\n{}-{}\n+new {at}\n{}", kept(&old[at - above..at]), old[at], kept(below))
        };
        let body: String = (0..old.len()).filter(|at| is_changed(*at)).map(hunk).collect();
        prop_assume!(!body.is_empty());
        prop_assert_eq!(cleanly(&(old.join("\n") + "\n"), body.trim_end()), new);
    }

    #[test]
    fn no_file_and_no_hunks_make_it_panic(
        file in "([ab \r\u{feff}é]{0,3}\n?){0,8}",
        body in prop::collection::vec("(@@ ?[ab]?|[-+ ][ab ]{0,2}|\\*\\*\\* End of File)", 1..8),
    ) {
        let text = format!("*** Begin Patch\n*** Update File: f\n{}\n*** End Patch", body.join("\n"));
        if let Ok(mut patch) = parse::parse(&text)
            && let Section::Update { hunks, .. } = patch.sections.remove(0)
        {
            match apply(&TextFile::parse(&file), &hunks) {
                Ok(applied) => drop(applied.file.to_text()),
                Err(mismatches) => prop_assert!(!mismatches.is_empty() && !mismatches[0].to_string().is_empty()),
            }
        }
    }
}
