"""Support tickets in English and Korean, with where they belong: made here, from phrases that we wrote.

What is measured on is worded in phrases that nothing is learned from: each list ends with those that are held out. So a
model that has learned phrases by heart fails, and one that has learned what they mean does not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

Language = Literal["en", "ko"]

SYSTEM = (
    "Triage the ticket. Answer with JSON: queue (billing, delivery, returns, technical, account, sales), "
    "urgency (low, normal, high), order (number or null)."
)
SCHEMA = {
    "type": "object",
    "properties": {
        "queue": {"enum": ["billing", "delivery", "returns", "technical", "account", "sales"]},
        "urgency": {"enum": ["low", "normal", "high"]},
        "order": {"type": ["integer", "null"]},
    },
    "required": ["queue", "urgency", "order"],
    "additionalProperties": False,
}
HELD_OUT_PHRASES = 3
"""Of each list, from its end."""

COMPLAINTS: Mapping[Language, Mapping[str, Sequence[str]]] = {
    "en": {
        "billing": (
            "I was charged twice for the {item}.",
            "The invoice for the {item} shows the wrong amount.",
            "My card was debited {amount} and I don't know what for.",
            "You billed me for a {item} that I never bought.",
            "The discount code was not taken off my bill.",
            "I need a corrected invoice with our company's tax number.",
            "Why did the monthly fee go up to {amount}?",
            "The payment of {amount} went through two times.",
            "My receipt lists shipping costs that were supposed to be free.",
            "I paid by bank transfer and it still says unpaid.",
            "The refund of {amount} has not reached my bank account.",
            "There is a fee of {amount} on my statement that nobody told me about.",
            "The sum on the bill for the {item} does not match what I agreed to pay.",
            "Somebody took {amount} from my credit card without asking.",
            "Please send me the invoice again, the total is wrong.",
        ),
        "delivery": (
            "My {item} has not arrived yet.",
            "The parcel with the {item} is stuck at the depot.",
            "Tracking has not moved for six days.",
            "The courier left the {item} with a neighbour I don't know.",
            "You sent the package to my old address.",
            "The driver says that nobody was home, but I was.",
            "When will the {item} be shipped?",
            "The box came, but it was empty.",
            "The delivery date has been moved three times now.",
            "I can't find the parcel although it is marked as delivered.",
            "The shipment got lost somewhere on the way.",
            "My parcel went to the wrong city.",
            "Where is my package with the {item}?",
            "The courier never rang and took the {item} away again.",
            "The shipment of the {item} is a week late.",
        ),
        "returns": (
            "I want to send the {item} back.",
            "The {item} is too small, may I exchange it?",
            "How do I return a {item} that I don't like?",
            "Please give me a label to send the {item} back.",
            "I changed my mind about the {item} and want my money back.",
            "The {item} came in the wrong colour, I'd like another one.",
            "May I swap the {item} for a larger one?",
            "I returned the {item} two weeks ago and heard nothing.",
            "Is the {item} still within the thirty days for returns?",
            "I got a {item} as a gift and would rather exchange it.",
            "The return form does not accept my {item}.",
            "Can I bring the {item} back to a shop instead of posting it?",
            "I would like to exchange the {item} for a different size.",
            "The {item} is not what I expected, how can I send it back?",
            "I need a return label for the {item}.",
        ),
        "technical": (
            "The {item} does not turn on any more.",
            "The app crashes whenever I open the settings.",
            "My {item} won't connect to the wireless network.",
            "Since the update the {item} freezes every hour.",
            "The screen of the {item} stays black.",
            "The website shows an error 500 at checkout.",
            "The battery of the {item} is empty after ten minutes.",
            "The {item} makes a loud noise and then stops.",
            "I get the error E42 on the {item}.",
            "The firmware of the {item} cannot be updated.",
            "Sound is missing on the {item} since yesterday.",
            "The {item} restarts by itself all the time.",
            "The app shows a blank page since the last update.",
            "My {item} stopped working, the display stays dark.",
            "The {item} loses its connection every few minutes.",
        ),
        "account": (
            "I can't log in with my password.",
            "Please change the e-mail address of my account.",
            "I want my account and all data deleted.",
            "The reset link for my password never arrives.",
            "My account was locked after three attempts.",
            "Somebody else seems to have signed in to my account.",
            "How do I turn on two-factor login?",
            "Please add a second user to our account.",
            "I registered twice, please merge both accounts.",
            "My name is spelled wrong in my profile.",
            "The code for signing in is not accepted.",
            "I no longer have the phone that the login code is sent to.",
            "My password is rejected when I sign in.",
            "Please delete my profile and everything you know of me.",
            "I was locked out of my account.",
        ),
        "sales": (
            "Do you have the {item} in white?",
            "What does the {item} cost for a school?",
            "Is there a discount if we order thirty of the {item}?",
            "Which {item} would you recommend for a small office?",
            "When will the new {item} be in stock?",
            "Can you make us an offer for the {item} with support?",
            "Does the {item} come with a warranty of three years?",
            "We are thinking of buying a {item}, is there a demo?",
            "Do you also sell spare parts for the {item}?",
            "Is the {item} available in other countries?",
            "What is the difference between the {item} and the smaller model?",
            "I'd like a quote for fifty of the {item}.",
            "Can we get a better price if we order a hundred of the {item}?",
            "Which {item} is best for a family of four?",
            "Is the {item} in stock in your shop?",
        ),
    },
    "ko": {
        "billing": (
            "{item} 값이 두 번 결제됐어요.",
            "{item} 청구서 금액이 잘못됐습니다.",
            "카드에서 {amount}이 빠져나갔는데 이유를 모르겠어요.",
            "사지도 않은 {item} 요금이 청구됐어요.",
            "할인 쿠폰이 결제 금액에 적용되지 않았어요.",
            "세금계산서를 다시 발행해 주세요.",
            "월 요금이 왜 {amount}으로 올랐나요?",
            "결제가 {amount}씩 두 번 됐습니다.",
            "무료 배송이라더니 영수증에 배송비가 있어요.",
            "계좌 이체를 했는데 아직 미납으로 나와요.",
            "환불금 {amount}이 아직 입금되지 않았어요.",
            "명세서에 모르는 수수료 {amount}이 있어요.",
            "{item} 청구 금액이 약속한 것과 달라요.",
            "제 카드로 {amount}이 허락 없이 결제됐어요.",
            "청구서 합계가 틀려요. 다시 보내 주세요.",
        ),
        "delivery": (
            "{item} 배송이 아직 안 왔어요.",
            "{item} 택배가 물류 센터에 멈춰 있어요.",
            "배송 조회가 엿새째 그대로예요.",
            "기사님이 {item} 택배를 모르는 이웃에게 맡겼어요.",
            "예전 주소로 택배를 보내셨어요.",
            "집에 있었는데 부재중이라고 하네요.",
            "{item} 언제 발송되나요?",
            "상자는 왔는데 안이 비어 있어요.",
            "배송 날짜가 벌써 세 번 미뤄졌어요.",
            "배송 완료라는데 택배를 찾을 수 없어요.",
            "택배가 가는 길에 분실된 것 같아요.",
            "택배가 엉뚱한 도시로 갔어요.",
            "{item} 택배 지금 어디에 있나요?",
            "{item} 배송이 일주일이나 늦어지고 있어요.",
            "기사님이 벨도 안 누르고 택배를 도로 가져갔어요.",
        ),
        "returns": (
            "{item} 반품하고 싶어요.",
            "{item} 너무 작은데 교환되나요?",
            "마음에 안 드는 {item} 어떻게 반품하나요?",
            "{item} 반품용 송장을 보내 주세요.",
            "{item} 생각이 바뀌어서 반품하고 환불받고 싶어요.",
            "{item} 색이 달라요. 다른 걸로 교환해 주세요.",
            "{item} 더 큰 것으로 바꿀 수 있나요?",
            "{item} 반품한 지 두 주가 됐는데 소식이 없어요.",
            "{item} 아직 반품 기간 안인가요?",
            "선물 받은 {item} 다른 것으로 교환하고 싶어요.",
            "반품 신청서에 {item} 입력이 안 돼요.",
            "{item} 매장에서 반품해도 되나요?",
            "{item} 다른 크기로 교환하고 싶습니다.",
            "{item} 기대와 달라서 돌려보내고 싶어요. 반품 방법이 뭔가요?",
            "{item} 반품 송장이 필요해요.",
        ),
        "technical": (
            "{item} 전원이 안 켜져요.",
            "설정을 열 때마다 앱이 꺼져요.",
            "{item} 와이파이에 연결이 안 돼요.",
            "업데이트 뒤로 {item} 한 시간마다 멈춰요.",
            "{item} 화면이 까맣게 나와요.",
            "결제 화면에서 오류 500이 나와요.",
            "{item} 배터리가 십 분 만에 없어져요.",
            "{item} 큰 소리를 내다가 멈춥니다.",
            "{item} 오류 E42가 떠요.",
            "{item} 펌웨어 업데이트가 안 됩니다.",
            "어제부터 {item} 소리가 안 나요.",
            "{item} 저절로 자꾸 다시 켜져요.",
            "업데이트하고 나서 앱에 빈 화면만 나와요.",
            "{item} 고장 났어요. 화면이 안 켜져요.",
            "{item} 연결이 몇 분마다 끊겨요.",
        ),
        "account": (
            "비밀번호로 로그인이 안 돼요.",
            "제 계정 이메일 주소를 바꿔 주세요.",
            "계정과 모든 정보를 삭제해 주세요.",
            "비밀번호 재설정 메일이 안 와요.",
            "세 번 틀려서 계정이 잠겼어요.",
            "누가 제 계정에 로그인한 것 같아요.",
            "이중 인증 로그인은 어떻게 켜나요?",
            "저희 계정에 사용자를 한 명 추가해 주세요.",
            "두 번 가입했어요. 계정을 합쳐 주세요.",
            "회원 정보에 이름이 잘못 적혀 있어요.",
            "로그인 인증 번호가 맞지 않는다고 해요.",
            "로그인 코드를 받던 전화기가 없어졌어요.",
            "로그인할 때 비밀번호가 틀리다고 나와요.",
            "제 회원 정보를 전부 삭제하고 탈퇴하고 싶어요.",
            "계정이 잠겨서 들어갈 수 없어요.",
        ),
        "sales": (
            "{item} 흰색도 있나요?",
            "학교에서 사려는데 {item} 얼마인가요?",
            "{item} 서른 개 사면 할인되나요?",
            "작은 사무실에는 어떤 {item} 추천하시나요?",
            "새 {item} 언제 입고되나요?",
            "{item} 지원 포함해서 견적을 주실 수 있나요?",
            "{item} 보증 기간이 삼 년인가요?",
            "{item} 구매를 생각 중인데 체험해 볼 수 있나요?",
            "{item} 부품도 판매하나요?",
            "{item} 다른 나라에서도 살 수 있나요?",
            "{item} 작은 모델과 무엇이 다른가요?",
            "{item} 쉰 개 견적 부탁드려요.",
            "{item} 백 개 주문하면 더 싸게 살 수 있나요?",
            "네 식구가 쓰기에 어떤 {item} 좋을까요? 추천해 주세요.",
            "{item} 매장에 재고가 있나요?",
        ),
    },
}
URGENCY: Mapping[Language, Mapping[str, Sequence[str]]] = {
    "en": {
        "high": (
            "This is urgent.",
            "I need an answer today.",
            "We can't work until this is solved.",
            "Please call me back immediately.",
            "If I hear nothing by noon I will see a lawyer.",
            "It is an emergency.",
            "Please help at once.",
            "This cannot wait.",
            "Please deal with it right now, it is urgent.",
            "We need this solved today.",
            "Everything stands still here until you help.",
        ),
        "low": (
            "There is no hurry.",
            "Whenever you have time.",
            "It can wait until next week.",
            "This is not important.",
            "Just out of curiosity.",
            "Take your time.",
            "An answer next month is early enough.",
            "No rush at all.",
            "It is not urgent, take your time.",
            "Answer whenever it suits you.",
            "It can wait a few weeks.",
        ),
        "normal": ("",),
    },
    "ko": {
        "high": (
            "급합니다.",
            "오늘 안에 답이 필요해요.",
            "해결될 때까지 일을 못 하고 있어요.",
            "지금 바로 전화 주세요.",
            "정오까지 연락 없으면 법적으로 대응하겠습니다.",
            "비상 상황이에요.",
            "당장 도와주세요.",
            "기다릴 수 없습니다.",
            "급하니 지금 바로 처리해 주세요.",
            "오늘 안에 해결돼야 해요.",
            "도와주실 때까지 모든 일이 멈춰 있어요.",
        ),
        "low": (
            "급하지 않아요.",
            "시간 나실 때 답해 주세요.",
            "다음 주에 봐 주셔도 돼요.",
            "중요한 일은 아니에요.",
            "그냥 궁금해서요.",
            "천천히 하세요.",
            "다음 달에 답하셔도 됩니다.",
            "서두르지 않으셔도 돼요.",
            "급한 일은 아니니 천천히 봐 주세요.",
            "편하실 때 답해 주세요.",
            "몇 주 뒤에 봐 주셔도 됩니다.",
        ),
        "normal": ("",),
    },
}
ITEMS: Mapping[Language, Sequence[str]] = {
    "en": (
        "router", "headset", "printer", "keyboard", "monitor", "tablet", "webcam", "speaker", "charger", "laptop bag",
        "desk lamp", "projector", "scanner", "hard drive", "microphone", "docking station", "smart watch", "camera",
    ),
    "ko": (
        "공유기", "헤드셋", "프린터", "키보드", "모니터", "태블릿", "웹캠", "스피커", "충전기", "노트북 가방",
        "책상 조명", "프로젝터", "스캐너", "하드 디스크", "마이크", "도킹 스테이션", "스마트 시계", "카메라",
    ),
}  # fmt: skip
GREETINGS: Mapping[Language, Sequence[str]] = {
    "en": (
        "",
        "",
        "Hello,",
        "Hi there,",
        "Dear team,",
        "Good morning,",
        "Hello again,",
        "To whom it may concern,",
    ),
    "ko": (
        "",
        "",
        "안녕하세요.",
        "안녕하세요, 고객입니다.",
        "수고 많으십니다.",
        "담당자님께,",
        "좋은 아침입니다.",
        "문의드립니다.",
    ),
}
ASIDES: Mapping[Language, Sequence[str]] = {
    "en": (
        "",
        "",
        "",
        "I have been a customer for years.",
        "My colleague told me to write to you.",
        "I read your help pages first.",
        "I'm writing from my phone.",
        "It rained all day here.",
    ),
    "ko": (
        "",
        "",
        "",
        "몇 년째 이용하고 있어요.",
        "동료가 여기로 문의하라고 했어요.",
        "도움말은 먼저 읽어 봤어요.",
        "휴대폰으로 쓰고 있어요.",
        "여기는 종일 비가 왔어요.",
    ),
}
ORDERS: Mapping[Language, Sequence[str]] = {
    "en": (
        "My order number is {order}.",
        "Order {order}.",
        "It is about order {order}.",
        "(order no. {order})",
        "Reference: {order}.",
    ),
    "ko": (
        "주문 번호는 {order}입니다.",
        "주문 {order}.",
        "주문 {order} 건입니다.",
        "(주문 번호 {order})",
        "주문번호: {order}.",
    ),
}


class Ticket(msgspec.Struct, frozen=True):
    """One ticket, and where it belongs."""

    text: str
    language: Language
    queue: str
    urgency: str
    order: int | None

    @property
    def answer(self) -> str:
        """What is right, as JSON."""
        return msgspec.json.encode(
            {"queue": self.queue, "urgency": self.urgency, "order": self.order}
        ).decode()

    @property
    def messages(self) -> list[dict[str, str]]:
        """What the route is asked."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self.text}]


def tickets(many: int, seed: int, *, held_out: bool) -> Iterator[Ticket]:
    """Different tickets, in an order that the seed fixes; `held_out`: in phrases that no other ones have."""
    dice = random.Random(seed)
    part = slice(-HELD_OUT_PHRASES, None) if held_out else slice(None, -HELD_OUT_PHRASES)
    seen: set[str] = set()
    while len(seen) < many:
        made = _ticket(dice, part)
        if made.text not in seen:
            seen.add(made.text)
            yield made


def _ticket(dice: random.Random, part: slice) -> Ticket:
    language: Language = dice.choice(("en", "ko"))
    queue = dice.choice(tuple(COMPLAINTS[language]))
    urgency = dice.choice(("low", "normal", "high"))
    order = dice.randrange(10_000, 1_000_000) if dice.random() < 0.6 else None
    amount = f"{dice.randrange(5, 900)} euros" if language == "en" else f"{dice.randrange(5, 900)},000원"
    complaint = dice.choice(COMPLAINTS[language][queue][part])
    cues = URGENCY[language][urgency]
    said = [
        complaint.format(item=dice.choice(ITEMS[language]), amount=amount),
        dice.choice(cues if urgency == "normal" else cues[part]),
        dice.choice(ASIDES[language]),
        dice.choice(ORDERS[language]).format(order=order) if order is not None else "",
    ]
    dice.shuffle(said)
    return Ticket(
        " ".join(filter(None, (dice.choice(GREETINGS[language]), *said))), language, queue, urgency, order
    )
