//! The words that tell tasks apart, as data.

/// What a word can be to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Says what it says by itself.
    Alone,
    /// What one does to make a text of any kind.
    Make,
    /// What one does to programs, and to few other things.
    Mend,
    /// A part of programs that people ask for by that name.
    Part,
    /// A part of programs, and of much else.
    Thing,
    /// A language or framework, by a name that may mean something else.
    Language,
    Think,
    Step,
    Show,
    Reasoning,
    How,
    Amount,
    /// "What", which asks for much beside figures.
    Asks,
    /// What one does to sums, and to nothing else.
    Solve,
    /// What one does to sums, and to lost keys.
    Find,
    /// What a figure is the measure of.
    Value,
    /// What figures are to each other: "twice", "per", "left".
    Relation,
    /// A figure in letters.
    Figure,
    /// A unit, where a figure stands before it.
    Unit,
}

impl Kind {
    pub(super) const COUNT: usize = 19;
}

/// Two words that say more together, the second at most `within` words later.
pub(super) struct Pair {
    pub(super) first: Kind,
    pub(super) second: Kind,
    pub(super) within: u32,
    pub(super) code: u32,
    pub(super) reasoning: u32,
}

const fn pair(first: Kind, second: Kind, within: u32, code: u32, reasoning: u32) -> Pair {
    Pair {
        first,
        second,
        within,
        code,
        reasoning,
    }
}

/// Two words that ask for a figure together: "how many", "find the total".
pub(super) static QUESTIONS: [(Kind, Kind, u32); 3] = [
    (Kind::How, Kind::Amount, 1),
    (Kind::Asks, Kind::Value, 6),
    (Kind::Find, Kind::Value, 6),
];

/// Further apart than any pair of words that counts.
pub(super) const MOST_APART: u32 = 16;

#[rustfmt::skip]
pub(super) static PAIRS: [Pair; 10] = [
    // "Write a function", but not "write an essay about the function of art".
    pair(Kind::Make, Kind::Part, 4, 3, 0),
    pair(Kind::Mend, Kind::Part, 4, 3, 0),
    // "Fix the failing unit test"; one writes tests at school, too.
    pair(Kind::Mend, Kind::Thing, 4, 3, 0),
    // "A Python class", "a query in SQL".
    pair(Kind::Language, Kind::Part, 4, 3, 0), pair(Kind::Part, Kind::Language, 4, 3, 0),
    pair(Kind::Language, Kind::Thing, 4, 3, 0), pair(Kind::Thing, Kind::Language, 4, 3, 0),
    // "Think step by step", "show your reasoning", "how many".
    pair(Kind::Think, Kind::Step, 2, 0, 1),
    pair(Kind::Show, Kind::Reasoning, 2, 0, 2),
    pair(Kind::Think, Kind::Reasoning, 3, 0, 1),
];

/// A word, what it is to its neighbours, and what it says by itself.
pub(super) struct Cue {
    pub(super) word: &'static str,
    pub(super) kind: Kind,
    pub(super) code: u32,
    pub(super) reasoning: u32,
}

const fn cue(word: &'static str, kind: Kind, code: u32, reasoning: u32) -> Cue {
    Cue {
        word,
        kind,
        code,
        reasoning,
    }
}

const fn code(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Alone, points, 0)
}

const fn reasoning(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Alone, 0, points)
}

const fn make(word: &'static str) -> Cue {
    cue(word, Kind::Make, 0, 0)
}

const fn mend(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Mend, points, 0)
}

const fn part(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Part, points, 0)
}

const fn thing(word: &'static str) -> Cue {
    cue(word, Kind::Thing, 0, 0)
}

const fn language(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Language, points, 0)
}

const fn asks(word: &'static str) -> Cue {
    cue(word, Kind::Asks, 0, 0)
}

const fn solve(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Solve, 0, points)
}

const fn find(word: &'static str) -> Cue {
    cue(word, Kind::Find, 0, 0)
}

const fn value(word: &'static str, points: u32) -> Cue {
    cue(word, Kind::Value, 0, points)
}

const fn relation(word: &'static str) -> Cue {
    cue(word, Kind::Relation, 0, 0)
}

const fn figure(word: &'static str) -> Cue {
    cue(word, Kind::Figure, 0, 0)
}

const fn unit(word: &'static str) -> Cue {
    cue(word, Kind::Unit, 0, 0)
}

/// Sorted by first letter. By themselves, two points for what is hardly said
/// otherwise, one for what also occurs in conversation. Case does not matter.
#[rustfmt::skip]
pub(super) static CUES: [Cue; 412] = [
    part("algorithm", 1), language("angular", 0), thing("api"), thing("array"), code("async", 1), code("await", 1),
    reasoning("acceleration", 1), value("age", 0), relation("altogether"), value("amount", 0), value("angle", 0), value("area", 0), value("average", 0),
    unit("amperes"), unit("amps"), unit("atm"),
    language("bash", 0), thing("bug"), thing("bugs"), make("build"),
    reasoning("bijection", 1), relation("bought"), reasoning("boxed", 2), relation("buys"),
    unit("bar"),
    thing("class"), thing("code"), part("codebase", 2), thing("column"), mend("compile", 1), part("compiler", 2), thing("component"), code("const", 2), thing("crash"), make("create"), language("csharp", 2), language("css", 1),
    solve("calculate", 1), reasoning("cdot", 2), value("charge", 0), reasoning("clue", 2), reasoning("clues", 2), value("coefficient", 1), reasoning("collinear", 1), reasoning("combinatorics", 2), relation("combined"), solve("compute", 1), value("concentration", 0), reasoning("congruent", 1), reasoning("contradiction", 1), reasoning("corollary", 2), value("cost", 0), relation("costs"), value("current", 0),
    unit("c"), unit("cent"), unit("centimeters"), unit("cents"), unit("cm"),
    thing("database"), part("dataframe", 2), mend("debug", 1), code("def", 2), thing("dict"), thing("dicts"), language("django", 2), language("docker", 1), part("dockerfile", 2),
    value("decrease", 0), relation("decreased"), reasoning("deduce", 1), value("density", 0), value("depth", 0), value("derivative", 1), value("determinant", 1), find("determine"), value("difference", 0), value("dimensions", 0), value("discount", 0), value("distance", 0), relation("double"),
    unit("day"), unit("days"), unit("degrees"), unit("dollar"), unit("dollars"), figure("dozen"),
    code("elif", 2), part("endpoint", 1), code("enum", 2), thing("error"), thing("exception"),
    relation("each"), relation("earned"), relation("earns"), value("eigenvalue", 1), reasoning("eigenvalues", 2), value("energy", 0), reasoning("enthalpy", 1), reasoning("entropy", 1), relation("equally"), reasoning("equation", 2), reasoning("equations", 2), reasoning("equilateral", 2), reasoning("equilibrium", 1), find("estimate"), cue("evaluate", Kind::Find, 0, 1), relation("every"), find("express"),
    figure("eight"), figure("eleven"), unit("ev"),
    mend("fix", 0), code("fn", 2), code("func", 2), part("function", 1), part("functions", 1),
    reasoning("factorial", 1), cue("far", Kind::Amount, 0, 0), cue("fast", Kind::Amount, 0, 0), relation("fewer"), find("find"), value("force", 0), reasoning("frac", 2), value("fraction", 0), value("frequency", 0),
    unit("f"), unit("feet"), figure("fifteen"), figure("fifty"), figure("five"), unit("foot"), figure("forty"), figure("four"), unit("ft"),
    make("generate"), make("give"), language("golang", 2),
    relation("gave"), relation("gives"),
    unit("g"), unit("gallons"), unit("gram"), unit("grams"),
    thing("hook"), language("html", 1),
    relation("half"), value("height", 0), cue("how", Kind::How, 0, 0), reasoning("hypotenuse", 2),
    unit("hour"), unit("hours"), unit("hr"), unit("hrs"), figure("hundred"), unit("hz"),
    code("impl", 2), mend("implement", 0), code("import", 1), thing("interface"),
    value("increase", 0), relation("increased"), reasoning("induction", 1), reasoning("inequality", 1), reasoning("infty", 2), reasoning("integer", 1), reasoning("integers", 1), value("integral", 1), value("interest", 0), reasoning("isomer", 1), reasoning("isosceles", 2),
    unit("inch"), unit("inches"),
    language("java", 0), language("javascript", 2), thing("json"), language("julia", 0),
    unit("j"), unit("joules"),
    language("kotlin", 2), language("kubernetes", 1),
    reasoning("kinetic", 1),
    unit("k"), unit("kg"), unit("khz"), unit("kilometer"), unit("kilometers"), unit("kilometre"), unit("kilometres"), unit("kj"), unit("km"), unit("kpa"),
    code("lambda", 1), thing("library"), thing("list"), thing("loop"), thing("loops"),
    relation("left"), reasoning("lemma", 2), value("length", 0), relation("less"), reasoning("logarithm", 1), cue("long", Kind::Amount, 0, 0),
    unit("l"), unit("lb"), unit("lbs"), unit("liter"), unit("liters"), unit("litre"), unit("litres"),
    make("make"), thing("method"), thing("module"), language("mysql", 2),
    cue("many", Kind::Amount, 0, 0), value("mass", 0), reasoning("mathbb", 2), value("mean", 0), value("median", 0), reasoning("modulo", 1), reasoning("molar", 1), reasoning("molarity", 2), value("momentum", 0), relation("more"), cue("much", Kind::Amount, 0, 0),
    unit("m"), unit("meter"), unit("meters"), unit("metre"), unit("metres"), unit("mev"), unit("mg"), unit("mhz"), unit("mi"), unit("mile"), unit("miles"), unit("min"), unit("minute"), unit("minutes"), unit("ml"), unit("mm"), unit("mol"), unit("mole"), unit("moles"), unit("month"), unit("months"), unit("mph"),
    language("node", 0), language("nodejs", 2), code("npm", 2), code("nullptr", 2), language("numpy", 2),
    reasoning("nmr", 2), value("number", 0),
    unit("n"), unit("newtons"), figure("nine"), unit("nm"),
    thing("object"), mend("optimise", 0), mend("optimize", 0),
    cue("old", Kind::Amount, 0, 0), relation("older"),
    unit("ohms"), unit("ounces"), unit("oz"),
    thing("package"), language("pandas", 0), part("parser", 1), language("perl", 0), language("php", 1), language("postgres", 2), language("postgresql", 2), language("powershell", 2), code("println", 2), thing("program"), language("python", 1),
    relation("per"), value("percent", 0), value("percentage", 0), value("percentages", 0), value("perimeter", 1), value("ph", 0), reasoning("polynomial", 2), value("power", 0), value("pressure", 0), value("price", 0), reasoning("prime", 1), reasoning("primes", 1), value("probability", 1), value("product", 0), value("profit", 0), reasoning("proof", 1), reasoning("prove", 2), reasoning("puzzle", 1),
    unit("pa"), unit("pound"), unit("pounds"),
    thing("queries"), thing("query"),
    reasoning("quadratic", 2), relation("quarter"), relation("quarters"),
    language("react", 0), mend("refactor", 2), part("regex", 2), mend("rewrite", 0), language("ruby", 0), language("rust", 0),
    value("radius", 1), value("rate", 0), value("ratio", 0), cue("reasoning", Kind::Reasoning, 0, 0), relation("remain"), value("remainder", 1), relation("remaining"), relation("remains"), value("resistance", 0), relation("rest"), reasoning("riddle", 1),
    thing("script"), thing("server"), thing("slice"), thing("slices"), language("sql", 1), language("sqlite", 2), code("stacktrace", 2), code("stdout", 2), thing("string"), thing("strings"), part("struct", 2), part("subroutine", 2), language("swift", 0),
    relation("sells"), value("share", 0), cue("show", Kind::Show, 0, 0), solve("simplify", 1), relation("sold"), reasoning("solve", 1), value("speed", 0), value("speeds", 0), relation("spend"), relation("spends"), relation("spent"), reasoning("sqrt", 2), cue("step", Kind::Step, 0, 0), cue("steps", Kind::Step, 0, 0), reasoning("stoichiometry", 1), value("sum", 1),
    unit("s"), unit("sec"), unit("second"), unit("seconds"), figure("seven"), figure("six"),
    thing("test"), thing("tests"), thing("thread"), code("traceback", 2), thing("type"), language("typescript", 2),
    value("temperature", 0), reasoning("theorem", 2), cue("think", Kind::Think, 0, 0), relation("third"), relation("thirds"), relation("thrice"), relation("times"), reasoning("torque", 1), value("total", 0), reasoning("triangle", 1), relation("triple"), relation("twice"),
    figure("ten"), figure("thirty"), figure("thousand"), figure("three"), unit("torr"), figure("twelve"), figure("twenty"), figure("two"),
    part("unittest", 2),
    unit("units"),
    thing("variable"), thing("vector"), code("void", 1), language("vue", 0),
    value("value", 0), value("velocity", 0), reasoning("vertices", 1), value("voltage", 0), value("volume", 0),
    unit("v"), unit("volts"),
    part("webhook", 1), make("write"),
    value("wavelength", 0), value("weight", 0), value("weights", 0), asks("what"), asks("whats"), value("width", 0), cue("work", Kind::Reasoning, 0, 0), cue("working", Kind::Reasoning, 0, 0),
    unit("w"), unit("watts"), unit("week"), unit("weeks"),
    language("yaml", 1),
    relation("younger"),
    unit("year"), unit("years"),
];

/// Where each letter's cues start.
pub(super) const LETTERS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut letter = 0;
    let mut at = 0;
    while letter < 26 {
        starts[letter] = at;
        while at < CUES.len() && CUES[at].word.as_bytes()[0] == b'a' + letter as u8 {
            at += 1;
        }
        letter += 1;
    }
    starts[26] = at;
    starts
};

/// The lengths of each letter's cues as bits: most words are turned away here.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut at = 0;
    while at < CUES.len() {
        let word = CUES[at].word.as_bytes();
        lengths[(word[0] - b'a') as usize] |= 1 << word.len();
        at += 1;
    }
    lengths
};

pub(super) fn find_word(word: &[u8]) -> Option<&'static Cue> {
    let first = word.first()?.to_ascii_lowercase();
    let letter = usize::from(first.checked_sub(b'a')?);
    let lengths = *LENGTHS.get(letter)?;
    if word.len() >= 32 || lengths & (1 << word.len()) == 0 {
        return None;
    }
    let cues = CUES.get(LETTERS[letter]..LETTERS[letter + 1])?;
    cues.iter()
        .find(|cue| word.eq_ignore_ascii_case(cue.word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cue_is_found() {
        assert_eq!(
            LETTERS[26],
            CUES.len(),
            "the table is not sorted by first letter"
        );
        for cue in &CUES {
            assert_eq!(
                find_word(cue.word.to_uppercase().as_bytes()).map(|found| found.word),
                Some(cue.word)
            );
        }
    }
}
