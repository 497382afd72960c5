//! English grammar for emoji labels: articles, plurals, and labels that mention left or right.

/// How a label behaves in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// "a fox", "three foxes".
    Countable,
    /// "skis": no article, already plural.
    Plural,
    /// "bread": no article, no plural.
    Mass,
    /// "Statue of Liberty": used unchanged.
    Name,
}

#[rustfmt::skip]
const PLURALS: &[&str] = &[
    "ballet shoes", "bacon", "balance scale", "ballot box with ballot", "beans", "blueberries", "books", "bookmark tabs", "boxing gloves",
    "briefs", "bubbles", "chains", "cherries", "chopsticks", "clinking beer mugs", "clinking glasses",
    "control knobs", "crossed swords", "film frames", "fireworks", "french fries", "glasses", "gloves",
    "goggles", "grapes", "hot springs", "houses", "Japanese dolls", "jeans", "linked paperclips", "maracas",
    "musical notes", "nesting dolls", "pancakes", "paw prints", "peanuts", "performing arts", "prayer beads",
    "scissors", "shopping bags", "shorts", "skis", "socks", "sparkles", "sunglasses", "woman’s clothes",
    "admission tickets", "flower playing cards", "card index dividers", "night with stars",
];

#[rustfmt::skip]
const MASS: &[&str] = &[
    "american football", "badminton", "bowling", "bread", "broccoli", "butter", "camping", "construction",
    "cooked rice", "cooking", "curry rice", "custard", "dango", "dna", "fire", "fog", "foggy", "fondue", "garlic",
    "ginger root", "hair", "herb", "high voltage", "ice", "ice hockey", "field hockey", "lacrosse",
    "leafy green", "luggage", "mate", "money with wings", "oden", "ping pong", "popcorn", "pouring liquid",
    "sake", "salt", "shaved ice", "soap", "spaghetti", "sushi", "tennis", "thread", "wood", "yarn", "coral",
    "bubble tea", "canned food", "building construction", "drop of blood", "cricket game", "landslide",
    "metro", "light rail", "cityscape", "cityscape at dusk", "beach with umbrella", "desert", "ice cream",
    "soft ice cream", "sunrise", "sunset", "sunrise over mountains", "wedding", "milky way", "motorway",
    "moon viewing ceremony", "balance", "card file box",
];

#[rustfmt::skip]
const NAMES: &[&str] = &[
    "Statue of Liberty", "Tokyo tower", "kaaba", "map of Japan", "mount fuji", "cooking", "foggy", "locked",
    "unlocked", "locked with key", "locked with pen", "ballot box with ballot", "chart increasing with yen",
    "airplane arrival", "airplane departure", "performing arts", "fork and knife", "couch and lamp",
    "fork and knife with plate", "hammer and pick", "hammer and wrench", "bow and arrow", "nut and bolt",
    "globe showing Americas", "globe showing Asia-Australia", "globe showing Europe-Africa",
    "sun behind cloud", "sun behind large cloud", "sun behind small cloud", "sun behind rain cloud",
    "no one under eighteen", "page facing up", "snowman without snow", "hourglass done", "hourglass not done",
];

/// Words with an irregular plural.
const IRREGULAR: &[(&str, &str)] = &[
    ("mouse", "mice"),
    ("goose", "geese"),
    ("wolf", "wolves"),
    ("leaf", "leaves"),
    ("knife", "knives"),
    ("loaf", "loaves"),
    ("scarf", "scarves"),
    ("cactus", "cacti"),
    ("moose", "moose"),
    ("bison", "bison"),
    ("deer", "deer"),
    ("fish", "fish"),
    ("squid", "squid"),
    ("shrimp", "shrimp"),
    ("sheep", "sheep"),
    ("boar", "boars"),
    ("ox", "oxen"),
    ("tooth", "teeth"),
    ("foot", "feet"),
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("snowman", "snowmen"),
    ("person", "people"),
    ("potato", "potatoes"),
    ("tomato", "tomatoes"),
    ("mango", "mangoes"),
    ("mosquito", "mosquitoes"),
    ("volcano", "volcanoes"),
    ("tornado", "tornadoes"),
    ("buffalo", "buffaloes"),
    ("quiz", "quizzes"),
];

/// Words that begin a description in a label: the plural ending goes before them.
const POSTPOSITIONS: &[&str] = &[
    " with ",
    " without ",
    " of ",
    " on ",
    " in ",
    " at ",
    " behind ",
    " over ",
    " under ",
    " not ",
    " facing ",
];

/// How a label behaves in a sentence.
pub fn noun(label: &str) -> Noun {
    if NAMES.contains(&label)
        || label.contains(':')
        || label.ends_with("o’clock")
        || label.ends_with("-thirty")
    {
        Noun::Name
    } else if PLURALS.contains(&label) {
        Noun::Plural
    } else if MASS.contains(&label) {
        Noun::Mass
    } else {
        Noun::Countable
    }
}

/// The label with "a" or "an" if English requires it: "an owl", "skis", "bread".
pub fn with_article(label: &str) -> String {
    match noun(label) {
        Noun::Countable => format!("{} {label}", article(label)),
        Noun::Plural | Noun::Mass | Noun::Name => label.to_owned(),
    }
}

/// "a" or "an", by the first sound of the phrase.
pub fn article(phrase: &str) -> &'static str {
    let lower = phrase.to_lowercase();
    let word = lower.split([' ', '-']).next().unwrap_or_default();
    let silent_h = ["hour", "hourglass", "honest", "heir"].contains(&word);
    let you_sound = ["uni", "use", "ukulele", "ewe", "euro", "one", "utensil"]
        .iter()
        .any(|start| word.starts_with(start));
    // A single letter is pronounced by its name: "an X-ray", "a T-Rex".
    let letter_name = word.len() == 1 && "aefhilmnorsx".contains(word);
    let number = word.starts_with('8') || word.starts_with("11") || word.starts_with("18");
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    if silent_h || letter_name || number || (vowel && !you_sound && word.len() > 1) { "an" } else { "a" }
}

/// The plural of a countable label: "cats", "four leaf clovers", "bowls with spoon"; `None` for others.
pub fn plural(label: &str) -> Option<String> {
    if noun(label) != Noun::Countable {
        return None;
    }
    let cut = POSTPOSITIONS.iter().filter_map(|word| label.find(word)).min().unwrap_or(label.len());
    let (head, rest) = label.split_at(cut);
    let split = head.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (before, word) = head.split_at(split);
    Some(format!("{before}{}{rest}", plural_word(word)))
}

fn plural_word(word: &str) -> String {
    if let Some((_, plural)) = IRREGULAR.iter().find(|(singular, _)| *singular == word) {
        return (*plural).to_owned();
    }
    let before_y = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    if let Some(stem) = before_y {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    if hisses { format!("{word}es") } else { format!("{word}s") }
}

#[rustfmt::skip]
const NOT_MIRRORED: &[&str] = &[
    "left", "right", "flag", "clock", "thirty", "arrow", "arrows", "watch", "stopwatch", "calendar", "newspaper",
    "waxing", "waning", "quarter", "crescent", "map", "globe", "facing", "button", "sign", "medal", "number",
    "dollar", "yen", "euro", "pound", "receipt", "ticket", "tickets", "identification", "credit", "convenience",
    "machine", "police", "ambulance", "taxi", "bank", "money", "chart", "e", "dvd", "label", "abc", "zzz",
    "hundred", "musical", "score", "telephone", "keyboard", "compass", "8", "1st", "2nd", "3rd", "love",
    "hotel", "hospital", "office", "store", "school", "bus", "stop", "envelope", "mahjong", "kimono",
    "coin", "coins", "video", "joker", "club", "spade", "question", "exclamation", "letter", "regional",
    "input", "keycap", "pager", "calculator", "scale", "thermometer", "barber", "fuel", "input", "japanese",
    "slot", "game", "card", "cards", "signal", "level", "memo", "fax", "printer", "ledger", "scroll",
    "package", "notebook", "page", "mobile", "radio", "slider", "ruler", "dice", "die",
];

/// Whether the mirrored picture still matches the label: no direction, digits, letters or writing.
pub fn may_mirror(label: &str) -> bool {
    let lower = label.to_lowercase();
    !lower.contains(|c: char| c.is_ascii_digit())
        && lower
            .split(|c: char| !c.is_alphanumeric() && c != '’')
            .all(|word| !NOT_MIRRORED.contains(&word) && word != "o’clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_follow_sound() {
        for (label, expected) in [
            ("owl", "an owl"),
            ("unicorn", "a unicorn"),
            ("hourglass", "an hourglass"),
            ("x-ray", "an x-ray"),
            ("T-Rex", "a T-Rex"),
            ("umbrella", "an umbrella"),
            ("ewe", "a ewe"),
            ("skis", "skis"),
            ("bread", "bread"),
            ("one-piece swimsuit", "a one-piece swimsuit"),
            ("Statue of Liberty", "Statue of Liberty"),
        ] {
            assert_eq!(with_article(label), expected);
        }
    }

    #[test]
    fn plurals_of_heads_and_irregular_words() {
        for (label, expected) in [
            ("red apple", "red apples"),
            ("bowl with spoon", "bowls with spoon"),
            ("cactus", "cacti"),
            ("mouse", "mice"),
            ("computer mouse", "computer mice"),
            ("fox", "foxes"),
            ("canary", "canaries"),
            ("monkey", "monkeys"),
            ("ear of corn", "ears of corn"),
            ("polar bear", "polar bears"),
            ("maple leaf", "maple leaves"),
            ("snowman", "snowmen"),
        ] {
            assert_eq!(plural(label).as_deref(), Some(expected));
        }
        assert_eq!(plural("skis"), None);
        assert_eq!(plural("bread"), None);
    }

    #[test]
    fn writing_and_directions_are_not_mirrored() {
        for label in ["ten o’clock", "flag: India", "backhand index pointing left", "pool 8 ball", "e-mail"]
        {
            assert!(!may_mirror(label), "{label}");
        }
        for label in ["red apple", "fox", "man’s shoe", "rocket"] {
            assert!(may_mirror(label), "{label}");
        }
    }
}
