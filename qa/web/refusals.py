"""Why a request is not answered as asked: raised by handlers and by what stands before them, shown as an error page."""

from __future__ import annotations

from qa.web.language import marked

TITLES = {
    400: marked("请求有误"),
    401: marked("请先登录"),
    403: marked("没有权限"),
    404: marked("没有找到"),
    405: marked("不能这样请求"),
    409: marked("现在不能这样做"),
    410: marked("已经没有了"),
    413: marked("内容太大"),
    416: marked("没有这一段录音"),
    429: marked("尝试太多"),
    500: marked("程序出错"),
    503: marked("现在很忙，请稍后再试"),
}


class Refused(Exception):  # noqa: N818  (not an error of the program)
    """``status`` is the HTTP status; ``why`` a sentence for the person (Chinese or already translated), '' for the title alone;
    ``wait_s``: whole seconds after which it may be tried again, 0 where that is not known."""

    def __init__(self, status: int, why: str = "", wait_s: int = 0) -> None:
        self.status, self.why, self.wait_s = status, why, wait_s
        super().__init__(f"{status} {why}")
