"""Files by a mapping: what other files say of a row is joined to it."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.errors import DocumentError, InputError
from tests.collect.conftest import Importing, Result
from tests.collect.test_mapped import Table


class TestJoins:
    ROWS = "user,at,order\nu,2026-01-01,1\nv,2026-01-02,2\nw,2026-01-03,\n"

    def stage(
        self, importing: Importing, table: Table, other: str, join: dict[str, Any], **event: Any
    ) -> Result:
        importing.write("other.csv", other)
        return importing.text(self.ROWS, table(files="t.csv", join=[{"file": "other.csv", **join}], **event))

    def test_looked_up_by_key(self, importing: Importing, table: Table) -> None:
        result = self.stage(
            importing, table, "order,city\n1,Kos\n3,Rio\n", {"on": "order"}, properties={"city": "city"}
        )
        assert result.one("properties.city") == ["Kos", None, None]
        assert result.staged.rows == 3
        assert [file.name for file in result.staged.files] == ["t.csv"]

    def test_other_names_and_a_prefix(self, importing: Importing, table: Table) -> None:
        other = "id,at,user\n1,x,y\n2,z,y\n"
        result = self.stage(
            importing, table, other, {"on": ["order", "id"], "prefix": "o_"}, properties={"place": "o_at"}
        )
        assert result.one("properties.place") == ["x", "z", None]

    def test_sums(self, importing: Importing, table: Table) -> None:
        other = "order,paid\n1,0.1\n1,0.2\n2,5\n"
        result = self.stage(
            importing,
            table,
            other,
            {"on": "order", "sum": "paid"},
            properties={"total": {"column": "paid", "type": "number"}},
        )
        assert result.one("properties.total") == [0.3, 5.0, None]

    def test_several_rows_per_key(self, importing: Importing, table: Table) -> None:
        other = "order,city\n1,Kos\n1,Rio\n"
        with pytest.raises(DocumentError, match=r"several rows for one order .*sum.*first: true"):
            self.stage(importing, table, other, {"on": "order"}, properties={"city": "city"})
        result = self.stage(
            importing, table, other, {"on": "order", "first": True}, properties={"city": "city"}
        )
        assert result.one("properties.city") == ["Kos", None, None]

    def test_a_column_in_both_files(self, importing: Importing, table: Table) -> None:
        with pytest.raises(DocumentError, match="prefix"):
            self.stage(importing, table, "order,user\n1,x\n", {"on": "order"})

    def test_a_missing_file_and_a_missing_column(self, importing: Importing, table: Table) -> None:
        with pytest.raises(InputError, match=r"othr\.csv"):
            self.stage(importing, table, "order,c\n1,x\n", {"on": "order", "file": "othr.csv"})
        with pytest.raises(DocumentError, match="'order'"):
            self.stage(importing, table, "order,c\n1,x\n", {"on": ["order", "ordr"]})

    def test_joined_columns_are_no_part_of_the_key(self, importing: Importing, table: Table) -> None:
        one = self.stage(
            importing, table, "order,city\n1,Kos\n", {"on": "order"}, properties={"city": "city"}
        )
        two = self.stage(
            importing, table, "order,city\n1,Rio\n", {"on": "order"}, properties={"city": "city"}
        )
        assert one.one("key_lo") == two.one("key_lo")
