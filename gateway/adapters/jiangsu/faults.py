"""The kinds of damage this format can have, besides those every province shares (`gateway.adapters.fields`)."""

from typing import Final

from gateway.adapters.fields import Fault

AMBIGUOUS_CODE: Final = Fault("record.ambiguous_code", "代码未注明所属代码集或版本", "the code does not name its code set or version")
REPEATED_ELEMENT: Final = Fault("record.repeated_element", "元素重复", "an element stands twice where one is promised")
REPEATED_SEQUENCE: Final = Fault("record.repeated_sequence", "序号重复", "the sequence number is repeated")
MIXED_CONTENT: Final = Fault("record.mixed_content", "元素之间夹有文字", "text stands between elements")
FOREIGN_NAME: Final = Fault("record.foreign_name", "出现其他命名空间的名称", "a name of another namespace")
TOO_MANY_VALUES: Final = Fault("record.too_many_values", "一处的数据项过多", "too many values in one place")
LOST_CHARACTER: Final = Fault("record.lost_character", "姓名中有字符在转码时丢失", "a character of the name was lost in conversion")
PRIVATE_USE: Final = Fault("record.private_use_character", "姓名含私用区字符", "the name holds a private-use character")
INSTITUTION: Final = Fault("record.institution_account", "机构账户不能作为学习者", "an institution's account is no learner")
COUNTER: Final = Fault("record.counter_mismatch", "声明条数与实际条数不符", "the declared count differs from what is there")
VERSION: Final = Fault("record.unknown_version", "不接受的格式版本", "a format version that is not accepted")
NO_LEARNER: Final = Fault("record.no_learner", "成果之前没有学习者", "no learner stands before the achievement")
IDENTITY_CONFLICT: Final = Fault("record.identity_conflict", "同一账号的身份信息不一致", "one account under two identities")
NO_STABLE_ID: Final = Fault("record.no_stable_id", "分件清单未给出该行的记录号", "the part manifest gives this row no record id")
AMBIGUOUS_ID: Final = Fault(
    "record.ambiguous_id", "无法与另一行区分,不能确定记录号", "the row cannot be told from another one, so its record id is uncertain"
)
HOURS_DIFFER: Final = Fault("record.hours_differ", "学时合计与理论加实践不符", "the hours differ from theory plus practice")
VALIDITY: Final = Fault("record.validity_before_award", "有效期早于取得日期", "the validity ends before the award")
