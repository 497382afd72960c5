"""Writes the tokenizers beside this file, and the ids that Python's `tokenizers` gives for awkward texts.

    pip install tokenizers==0.22.2
    python3 make.py

The words come from the pages of this repository, so other pages make other tokenizers.
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
ROOT = HERE.parents[3]

CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXTS = [
    # Emoji: joined, with skin tones, flags, keycaps, tags, and halves of them.
    "a 👩‍💻 and 👨‍👩‍👧‍👦, 🏳️‍🌈!",
    "👍🏽👍🏿 👍\u200d \u200d👍 ❤️❤",
    "🇩🇪🇺🇸🇫 1️⃣#️⃣ \u20e3",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🫨🪿",
    # Combining marks: composed, decomposed, stacked, alone.
    "é e\u0301 ệ e\u0323\u0302 n\u0303o",
    "\u0301a \u0300\u0301\u0302\u0303\u0304",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324 text",
    "각 \u1100\u1161\u11a8 क्षि த் ก็ ཀྵ",
    "ﬁ ǆ ſ K Å İ ı ß ẞ ŉ ΐ Σςσ",
    # Right to left, with marks and with controls of direction.
    "שלום שָׁלוֹם a",
    "مرحبا مُحَمَّد لا ﷺ ١٢٣ ۴۵",
    "\u202eabc\u202c \u2066x\u2069 \u200fא\u200e فارسی\u200cزبان",
    # Long words.
    "x" * 300,
    "Donaudampfschifffahrtsgesellschaftskapitän" * 8,
    "猫" * 200,
    "!" * 250 + "?",
    "9" * 200,
    "e\u0301" * 150,
    # Control characters, and others that are not seen.
    "a\x00b\x01\x1b[31mc\x7f\x80\x9f",
    "a\u200bb\u00adc\ufeffd\u2060e\u180ef\u061cg",
    "a\ufffd\ufffe\uffff\U0010ffff\ue000b",
    # Spaces of all kinds.
    "  a   b\t\tc \n\n d\r\ne \r f  ",
    "a\u00a0b\u3000c\u2003d\u202fe\u205ff\u1680g\u0085h\u2028i\u2029j\u000bk\u000cl",
    " \t \n ",
    "",
    # Contractions, and what looks like them.
    "don't I'M we'RE they'll 'S 's's ’s 'ſ 'tis o'clock''s",
    # Tokens with a meaning, written by a user.
    "<|startoftext|>cat<|endoftext|> <|ENDOFTEXT|> [CLS][MASK] ##ing [SEP",
    # Numbers and scripts.
    "4.5e-6 1234567 ½ ² Ⅷ ① ㍿ 𝟘𝟙 ٪ ෴",
    "日本語のねこ、カタカナー ｶﾀｶﾅ 中文。𠮷 한국어",
    "𝒜𝓃 🅰 ⓐ ªº 𐤀𐤁 ߊߋ ܐܒ",
    # Punctuation in a row.
    "...---___!!!??? «a» “b” \\\"`~$^|",
    # An ordinary prompt.
    "A photograph of a red fox, sitting in the snow; 35mm, f/1.8 (high detail)",
]


def pages():
    for page in ["README.md", "CONTRIBUTING.md", "crates/README.md", "crates/stages/NODES.md", "graphs/README.md"]:
        yield from (ROOT / page).read_text(encoding="utf-8").splitlines()
    yield from TEXTS


def bpe(pre_tokenizer, **more):
    tokenizer = Tokenizer(models.BPE(**{key: value for key, value in more.items() if key == "end_of_word_suffix"}))
    tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer, trainers.BpeTrainer(
        vocab_size=1500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, **more
    )


def clip():
    """As CLIP's: composed, lower case, words with an end."""
    split = pre_tokenizers.Split(Regex(CLIP), "removed", invert=True)
    both = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    special = ["<|startoftext|>", "<|endoftext|>"]
    tokenizer, trainer = bpe(both, end_of_word_suffix="</w>", special_tokens=special)
    steps = [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.train_from_iterator(pages(), trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in special]
    tokenizer.post_processor = processors.RobertaProcessing(
        sep=ends[1], cls=ends[0], trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def gpt2():
    """As GPT-2's: bytes, with the space before a word, by an expression that looks ahead."""
    tokenizer, trainer = bpe(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.train_from_iterator(pages(), trainer)
    return tokenizer


def llama():
    """As Llama 3's: a longer expression, part of it without case."""
    split = pre_tokenizers.Split(Regex(LLAMA), "isolated")
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer, trainer = bpe(pre_tokenizers.Sequence([split, whole]))
    tokenizer.train_from_iterator(pages(), trainer)
    return tokenizer


def bert():
    """As BERT's: word pieces, which the shipped model has too."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(pages(), trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ["[SEP]", "[CLS]"]]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    return tokenizer


def t5():
    """As T5's: pieces with scores, and a mark for spaces."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=800, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
    )
    tokenizer.train_from_iterator(pages(), trainer)
    return tokenizer


def main():
    expected = []
    for make in [clip, gpt2, llama, bert, t5]:
        tokenizer = make()
        tokenizer.enable_padding(pad_id=0)
        (HERE / f"{make.__name__}.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
        tokenizer.no_padding()
        expected += [{"tokenizer": make.__name__, "text": t, "ids": tokenizer.encode(t).ids} for t in TEXTS]
    lines = ",\n".join(json.dumps(one) for one in expected)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
