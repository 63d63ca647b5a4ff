//! A unified diff of two long texts, as an event may carry it (salesforce reference, section 4.7).

/// Unchanged lines around the changed ones.
const CONTEXT: usize = 3;

/// One hunk from the first line that differs to the last.
pub(crate) fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let most = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
    let from = same.saturating_sub(CONTEXT);
    let shown = |lines: &[&str]| (lines.len() - tail + CONTEXT).min(lines.len());
    let (old_to, new_to) = (shown(&old), shown(&new));
    let mut text =
        format!("--- \n+++ \n@@ -{},{} +{},{} @@\n", from + 1, old_to - from, from + 1, new_to - from);
    let parts = [
        (' ', old.get(from..same)),
        ('-', old.get(same..old.len() - tail)),
        ('+', new.get(same..new.len() - tail)),
        (' ', old.get(old.len() - tail..old_to)),
    ];
    for (mark, lines) in parts {
        for line in lines.unwrap_or_default() {
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn s4_7_a_diff_shows_what_changed_with_three_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        assert_eq!(
            unified(old, &old.replace('5', "five\nand a half")),
            "--- \n+++ \n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+and a half\n 6\n 7\n 8\n"
        );
        assert_eq!(unified("a", "a\nb"), "--- \n+++ \n@@ -1,1 +1,2 @@\n a\n+b\n");
        assert_eq!(unified("a\na", "a"), "--- \n+++ \n@@ -1,2 +1,1 @@\n a\n-a\n");
        assert_eq!(unified("", "a"), "--- \n+++ \n@@ -1,0 +1,1 @@\n+a\n");
    }
}
