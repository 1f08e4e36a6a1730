"""Answers that have to follow instructions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import case_of, scored, scorer, value
from shared_data import rows_of

from freehold.compare.scorers.instructions.amounts import sentences_in, words_in
from freehold.compare.scorers.instructions.following import ids
from freehold.compare.scorers.instructions.languages import language_of
from freehold.core.errors import BadRequest

# By instruction: its arguments, answers that follow it, answers that do not.
INSTRUCTIONS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "keywords:existence": ({"keywords": ["Tree", "sky"]}, ["trees under the SKY"], ["a tree"]),
    "keywords:frequency": (
        {"keyword": "sky", "frequency": 2, "relation": "less than"},
        ["one Sky", "none"],
        ["sky and sky"],
    ),
    "keywords:forbidden_words": (
        {"forbidden_words": ["can", "not"]},
        ["a canal", "nothing"],
        ["you Can", "not."],
    ),
    "keywords:letter_frequency": (
        {"letter": "o", "let_frequency": 2, "let_relation": "at least"},
        ["Oh no"],
        ["one"],
    ),
    "language:response_language": (
        {"language": "de"},
        ["Das ist ein Satz, der auf Deutsch geschrieben ist."],
        ["This is a sentence that is in English.", "12345"],
    ),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"},
        ["One. Two.", "Is it? It is!", "First\n\nSecond"],
        ["Mr. Smith and Dr. Jones, e.g. here, pay 3.50 at 5 p.m. sharp.", "One"],
    ),
    "length_constraints:number_paragraphs": (
        {"num_paragraphs": 2},
        ["One\n***\nTwo", "***\nOne\n***\nTwo\n***"],
        ["One", "One\n\nTwo", "One\n***\n***\nTwo", "1\n***\n2\n***\n3"],
    ),
    "length_constraints:number_words": (
        {"num_words": 3, "relation": "less than"},
        ["two words"],
        ["three of them"],
    ),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "weekend"},
        ["One.\n\nWeekend, at last.", "One.\n\n\n**Weekend** it is"],
        ["Weekend.\n\nTwo.", "One.\n\nWeekends", "One.\n\nWeekend\n\nThree"],
    ),
    "detectable_content:number_placeholders": (
        {"num_placeholders": 2},
        ["Dear [name], [address]", "[a] [b] [c]"],
        ["Dear [name]", "[] []"],
    ),
    "detectable_content:postscript": (
        {"postscript_marker": "P.P.S"},
        ["Bye.\nP.P.S. One more", "Bye.\n\np. p. s one more"],
        ["Bye.\nP.S. One more", "Bye", "P.P.S"],
    ),
    "detectable_format:number_bullet_lists": (
        {"num_bullets": 2},
        ["* one\n* two", "List:\n- one\n  - two"],
        ["* one", "* one\n* two\n* three", "**one**\n**two**"],
    ),
    "detectable_format:constrained_response": (
        {},
        ["My answer is yes.", "Well: my answer is maybe."],
        ["Yes", "My answer is yes. My answer is no."],
    ),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2},
        ["*one* and **two**", "* item *one*\n* item ***two***"],
        ["*one*", "* one\n* two", "** ** and * *"],
    ),
    "detectable_format:multiple_sections": (
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2\nb", "SECTION I\nSECTION II"],
        ["SECTION 1\na", "SECTIONS"],
    ),
    "detectable_format:json_format": ({}, ['{"a": 1}', '```json\n{"a": 1}\n```'], ["{", 'It is {"a": 1}']),
    "detectable_format:title": ({}, ["<<Joy>>\ntext"], ["<Joy>", "<<>>", "<< >>"]),
    "combination:two_responses": (
        {},
        ["one\n******\ntwo"],
        ["one", "one******one", "a******b******c", "******a"],
    ),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say it."}, ["say it. I say"], ["I say: Say it."]),
    "startend:end_checker": (
        {"end_phrase": "That is all"},
        ['"Well. that is all"', "That is all\n"],
        ["That is all."],
    ),
    "startend:quotation": ({}, ['"All of it"', "“All of it”"], ['"', '"Only" this', "none"]),
    "change_case:capital_word_frequency": (
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NATO and the UN", "I AM"],
        ["Nato and the UN"],
    ),
    "change_case:english_capital": (
        {},
        ["THIS IS IT AND THAT IS ALL OF IT."],
        ["This IS IT", "DAS IST ES UND NICHT MEHR"],
    ),
    "change_case:english_lowercase": (
        {},
        ["this is it and that is all of it."],
        ["This is it", "das ist es und nicht mehr"],
    ),
    "punctuation:no_comma": ({}, ["None at all."], ["One, here", "여기、하나"]),
}


def test_every_instruction_is_tried() -> None:
    assert sorted(INSTRUCTIONS) == sorted(ids())
    assert len(ids()) == 25


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_an_instruction(name: str) -> None:
    arguments, followed, missed = INSTRUCTIONS[name]
    target = [{"id": name, **arguments}]
    for text in followed:
        assert value("instructions", target, text) == 1, text
    for text in missed:
        result = scored("instructions", target, text)
        assert result.value == 0, text
        assert name in result.why


def test_all_or_a_share() -> None:
    target = [{"id": "punctuation:no_comma"}, {"id": "detectable_format:title"}]
    assert value("instructions", target, "<<Joy>>, of course") == 0
    assert value("instructions", target, "<<Joy>>, of course", credit="share") == 0.5
    assert value("instructions", target, "<<Joy>>") == 1


def test_loosely_a_greeting_does_not_count() -> None:
    target = [{"id": "startend:quotation"}]
    text = 'Sure, here it is:\n"All of it"'
    assert value("instructions", target, text) == 0
    assert value("instructions", target, text, loose=True) == 1
    assert value("instructions", target, "Sure:\nnothing of the kind", loose=True) == 0


def test_an_empty_answer_follows_nothing() -> None:
    for name, (arguments, _, _) in INSTRUCTIONS.items():
        assert value("instructions", [{"id": name, **arguments}], " \n") == 0


@pytest.mark.parametrize(
    "target",
    [
        [],
        None,
        "keywords:existence",
        [{"id": "keywords:existance", "keywords": []}],
        [{"id": "keywords:existence"}],
        [{"id": "keywords:existence", "keyword": ["a"]}],
        [{"id": "length_constraints:number_words", "num_words": "many"}],
        [{"id": "length_constraints:number_words", "num_words": 5, "relation": "about"}],
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
    ],
)
def test_an_instruction_that_makes_no_sense_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("instructions").check(case_of(target))


def test_all_of_ifeval_is_understood() -> None:
    rows = rows_of("ifeval/input_data.jsonl.gz")
    one = scorer("instructions")
    for row in rows:
        one.check(case_of({"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]}))
        nulls = [dict.fromkeys(("keywords", "num_words", "language")) | kwargs for kwargs in row["kwargs"]]
        one.check(case_of({"instruction_id_list": row["instruction_id_list"], "kwargs": nulls}))
    assert len(rows) == 541


SENTENCES = {
    "en": "The weather is nice today and we are going to walk to the lake with our friends.",
    "de": "Das Wetter ist heute schön und wir gehen mit unseren Freunden an den See.",
    "fr": "Il fait beau aujourd'hui et nous allons au lac avec nos amis pour la journée.",
    "es": "Hoy hace buen tiempo y vamos al lago con los amigos para pasar el día.",
    "it": "Oggi il tempo è bello e andiamo al lago con gli amici per tutta la giornata.",
    "pt": "Hoje o tempo está bom e nós vamos para o lago com os amigos, mas não de carro.",
    "nl": "Het weer is vandaag mooi en we gaan met de vrienden naar het meer.",
    "fi": "Tänään on kaunis ilma ja me menemme järvelle, mutta hän ei tule mukaan.",
    "sv": "Det är fint väder i dag och vi går till sjön med våra vänner.",
    "pl": "Dzisiaj jest ładna pogoda i idziemy nad jezioro z przyjaciółmi, ale nie na długo.",
    "tr": "Bugün hava çok güzel ve göle gidiyoruz ama o bizimle gelmiyor.",
    "vi": "Hôm nay trời đẹp và chúng tôi đi đến hồ với các bạn của mình.",
    "id": "Hari ini cuaca bagus dan kami pergi ke danau dengan teman yang tidak bisa berenang.",
    "sw": "Leo hali ya hewa ni nzuri na tunakwenda ziwani kwa miguu pamoja na marafiki wa kijiji.",
    "ru": "Сегодня хорошая погода, и мы идём на озеро с друзьями, но не на весь день.",
    "uk": "Сьогодні гарна погода, і ми йдемо на озеро з друзями, але це не на весь день.",
    "bg": "Днес времето е хубаво и ние отиваме на езерото с приятели, но няма да е за дълго.",
    "ar": "الطقس جميل اليوم ونحن ذاهبون إلى البحيرة مع الأصدقاء في الصباح من كل يوم.",
    "fa": "امروز هوا خوب است و ما با دوستان به دریاچه می رویم که از شهر دور است.",
    "ur": "آج موسم اچھا ہے اور ہم دوستوں کے ساتھ جھیل پر جا رہے ہیں۔",
    "hi": "आज मौसम अच्छा है और हम दोस्तों के साथ झील पर जा रहे हैं।",
    "mr": "आज हवामान चांगले आहे आणि आम्ही मित्रांसोबत तलावावर जात आहोत.",
    "ne": "आज मौसम राम्रो छ र हामी साथीहरूसँग ताल जाँदै छौं।",
    "bn": "আজ আবহাওয়া ভালো এবং আমরা হ্রদে যাচ্ছি।",
    "gu": "આજે હવામાન સારું છે અને અમે તળાવ પર જઈએ છીએ.",
    "pa": "ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ ਅਤੇ ਅਸੀਂ ਝੀਲ ਤੇ ਜਾ ਰਹੇ ਹਾਂ।",
    "kn": "ಇಂದು ಹವಾಮಾನ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ನಾವು ಕೆರೆಗೆ ಹೋಗುತ್ತೇವೆ.",
    "ta": "இன்று வானிலை நன்றாக உள்ளது, நாங்கள் ஏரிக்குச் செல்கிறோம்.",
    "te": "ఈ రోజు వాతావరణం బాగుంది మరియు మేము సరస్సుకు వెళ్తున్నాము.",
    "th": "วันนี้อากาศดีและเรากำลังไปที่ทะเลสาบ",
    "he": "מזג האוויר יפה היום ואנחנו הולכים לאגם.",
    "el": "Ο καιρός είναι καλός σήμερα.",
    "ko": "오늘은 날씨가 좋아서 친구들과 호수에 갑니다.",
    "ja": "今日は天気が良いので、友達と湖に行きます。",
    "zh": "今天天气很好，我们和朋友一起去湖边。",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_in_its_language(language: str) -> None:
    assert language_of(SENTENCES[language]) == language
    assert (
        value(
            "instructions", [{"id": "language:response_language", "language": language}], SENTENCES[language]
        )
        == 1
    )


@pytest.mark.parametrize("text", ["", "123", "Xylophon", "!?"])
def test_what_cannot_be_told_is_not_guessed(text: str) -> None:
    assert language_of(text) is None


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    for name, (arguments, _, _) in INSTRUCTIONS.items():
        target = [{"id": name, **arguments}]
        if "english" in name or "language" in name:
            continue  # for speed; the next line is about them
        assert value("instructions", target, text, loose=True) in (0, 1)
    language_of(text)


@given(st.lists(st.sampled_from(["It rains.", "Does it?", "It does!", "Mr. Kim paid 3.5 won."]), min_size=1))
def test_sentences_and_words_are_counted(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert sentences_in(text) == len(sentences)
    assert words_in(text) == sum(words_in(one) for one in sentences)
